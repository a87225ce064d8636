#!/usr/bin/env python3
"""Writes the 300 employees of the service-desk example, and apart from them the truth about each.

  make_employees.py [--out examples/service-desk] [--seed 7]

employees.jsonl holds what Kith may read (attributes, consent); truth.jsonl holds the persona and the split
(20 % of each persona is "test" and never trains anything). Ids are shuffled, so an id tells nothing. The attributes are
noisy on purpose: some are missing and some contradict the persona, as in a real directory.
"""
import argparse
import datetime
import json
import pathlib
import random

GIVEN = {
    "en": "Alice Ben Carla Dafydd Esme Femi Grace Harvey Ines Jonas Kezia Liam Mina Nadia Owen Priya Quentin Ruth Samir "
          "Tess Ugo Vera Will Xenia Yusuf Zoe Arjun Bridget Callum Deniz Elin Farah Gwen Hana Ivo Jude Kofi Lotte".split(),
    "zh": "Wei Fang Min Jing Lei Yan Tao Xin Hui Peng Ling Jun".split(),
}
FAMILY = {
    "en": "Abbott Bakker Clarke Dekker Ellis Farouk Gray Hughes Iqbal Jansen Kaur Lindqvist Moss Nair Okafor Price "
          "Quinn Reid Smit Turner Usman Visser Walsh Yates Zaman Barlow Crane Dunne Engel Foley".split(),
    "zh": "Chen Wang Li Zhang Liu Zhao Sun Zhou Wu Xu Gao Lin".split(),
}
PERSONAS = {
    "leadership": dict(
        title=["Director of Operations", "Chief Financial Officer", "Head of Quality", "Sales Director", "Plant Director",
               "Head of Engineering", "Head of People", "Chief Executive", "Head of Service", "Commercial Director"],
        department=["Executive Office", "Engineering", "Finance", "Field Service", "Sales", "Human Resources"],
        grade=["director", "executive", "head"], device=["ultrabook", "phone", "tablet"], years=(2, 25)),
    "knowledge_worker": dict(
        title=["Firmware Engineer", "Data Analyst", "Mechanical Designer", "Cost Accountant", "Test Engineer",
               "Optics Specialist", "Quality Engineer", "Software Engineer", "Financial Analyst", "Product Designer"],
        department=["Engineering", "Finance", "Data", "Design", "Quality"],
        grade=["professional", "senior"], device=["laptop", "workstation"], years=(1, 18)),
    "field_worker": dict(
        title=["Service Technician", "Installer", "Warehouse Operator", "Calibration Technician", "Forklift Operator",
               "Site Engineer's Mate", "Dispatch Operator", "Commissioning Technician"],
        department=["Field Service", "Warehouse", "Installation"],
        grade=["technician", "operator"], device=["rugged tablet", "handheld scanner", "phone"], years=(1, 20)),
    "admin_hr": dict(
        title=["HR Partner", "Payroll Coordinator", "Office Coordinator", "Executive Assistant", "Facilities Coordinator",
               "Recruitment Partner", "Benefits Coordinator", "Reception Assistant"],
        department=["Human Resources", "Payroll", "Facilities", "Office Administration"],
        grade=["assistant", "coordinator", "partner"], device=["laptop", "desktop"], years=(1, 22)),
    "new_hire": dict(
        title=["Engineering Intern", "Graduate Analyst", "Apprentice Technician", "Marketing Intern", "Graduate Engineer",
               "Finance Intern", "Apprentice Toolmaker", "Software Intern"],
        department=["Engineering", "Finance", "Field Service", "Marketing", "Human Resources", "Data"],
        grade=["intern", "apprentice", "graduate"], device=["laptop", "shared desktop", "phone"], years=(0, 0)),
}
SITES = [("Leeds", "en", 0.45), ("Rotterdam", "en", 0.3), ("Suzhou", "zh", 0.25)]
TODAY = datetime.date(2026, 3, 1)


def pick_site(rng):
    draw = rng.random()
    for site, language, share in SITES:
        if draw < share:
            return site, language
        draw -= share
    return SITES[0][:2]


def tenure(hired):
    days = (TODAY - hired).days
    return "0-3 months" if days <= 92 else "3-12 months" if days <= 365 else "1-5 years" if days <= 1825 else "over 5 years"


def employee(rng, identity, persona):
    spec = PERSONAS[persona]
    site, language = pick_site(rng)
    low, high = spec["years"]
    days = rng.randint(3, 88) if high == 0 else rng.randint(low * 365, high * 365)
    hired = TODAY - datetime.timedelta(days=days)
    attributes = {
        "name": f"{rng.choice(GIVEN[language])} {rng.choice(FAMILY[language])}",
        "title": rng.choice(spec["title"]), "department": rng.choice(spec["department"]),
        "grade": rng.choice(spec["grade"]), "location": site, "language": language,
        "device": rng.choice(spec["device"]), "hired": hired.isoformat(), "tenure": tenure(hired),
    }
    # A directory is never complete: one attribute in twelve is missing, one department in fifteen is stale.
    for key in ("title", "department", "grade", "device", "tenure"):
        if rng.random() < 1 / 12:
            del attributes[key]
    if "department" in attributes and rng.random() < 1 / 15:
        attributes["department"] = rng.choice([d for p in PERSONAS.values() for d in p["department"]])
    consent = {"personalize": rng.random() > 0.03, "learn": rng.random() > 0.08}
    return {"id": identity, "attributes": attributes, "consent": consent}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="examples/service-desk")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    slots = [(persona, "test" if i < 12 else "train") for persona in PERSONAS for i in range(60)]
    rng.shuffle(slots)
    out = pathlib.Path(options.out)
    with open(out / "employees.jsonl", "w") as users, open(out / "truth.jsonl", "w") as truth:
        for i, (persona, split) in enumerate(slots, start=1):
            identity = f"e{i:03d}"
            users.write(json.dumps(employee(rng, identity, persona), ensure_ascii=False) + "\n")
            truth.write(json.dumps({"id": identity, "persona": persona, "split": split}) + "\n")


if __name__ == "__main__":
    main()
