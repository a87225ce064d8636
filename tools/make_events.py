#!/usr/bin/env python3
"""Writes two years of events of the service-desk example's employees, and apart from them the truth behind each.

  make_events.py [--out examples/service-desk] [--seed 11]

events.csv holds what Kith may read: messages, clicks, tickets, resources opened, ratings, purchases. events_truth.jsonl
holds how each employee was simulated: taste over needs, pace, and what each need in turn was. How it works:

- An employee has needs in turn. Which need comes next depends on the persona, the employee's own taste (Dirichlet about the
  persona's), the device, the season of the year, what the last need brings with it, and issues that are still open.
- A need becomes a handful of events: a click in the portal, articles opened, a message, a ticket, later a rating of how it was
  solved; some needs end in a purchase. Unsolved ones come back.
- Employees have a pace of their own: some do nothing in two years, the busiest some hundreds of events, none more than 600. Nobody
  does anything before the day they were hired.
- Logs are never clean: some features are missing, some items are unknown to any catalogue, some clocks are wrong (the future, or
  years ago), some lines are there twice, some come late, and some clicks come in bursts.
"""
import argparse
import csv
import datetime
import json
import math
import pathlib
import random

FIRST = datetime.datetime(2024, 3, 1, tzinfo=datetime.timezone.utc)
LAST = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)
MOST_EVENTS = 600

# need: system, articles (English, Chinese), what it may end in (item, price) or None, messages (English), messages (Chinese)
NEEDS = {
    "sign_in": ("Keyring", ["kb-001", "kb-002", "kb-006"], ["kb-066", "kb-068"], None,
                ["My password expired and I cannot sign in.", "Keyring says my account is locked.",
                 "How do I reset my password from home?"], ["账号被锁了，登录不了。", "密码过期了怎么改？"]),
    "second_factor": ("Keyring", ["kb-004", "kb-005"], ["kb-066"], ("hardware key", 38),
                      ["I have a new phone and Tap is gone.", "The Tap prompt never arrives.", "May I have a hardware key?"],
                      ["换了手机，Tap 收不到提示。", "想申请一个硬件钥匙。"]),
    "vpn": ("Tidegate", ["kb-007", "kb-008", "kb-009"], ["kb-067"], None,
            ["Tidegate drops every ten minutes.", "Tidegate shows an error code.", "I cannot reach the plant's network from home."],
            ["在家连不上 Tidegate。", "VPN 老是断。"]),
    "wireless": ("Network", ["kb-010"], ["kb-069"], None,
                 ["Which wireless network is for my tablet?", "The wireless in hall two is slow today."],
                 ["车间里无线信号很差。", "平板该连哪个网络？"]),
    "device_health": ("Warden", ["kb-011", "kb-014", "kb-036"], ["kb-078"], None,
                      ["Warden says my computer is not compliant.", "My laptop is very slow since the update.",
                       "The battery lasts an hour."], ["电脑提示不合规。", "电脑很慢。"]),
    "new_device": ("Catalogue", ["kb-023", "kb-035"], ["kb-079"], ("laptop", 1240),
                   ["Is my laptop due for replacement?", "I need a loan laptop for two weeks.", "How do I order a new laptop?"],
                   ["我的笔记本可以换新的吗？", "想借一台笔记本。"]),
    "desk_equipment": ("Catalogue", ["kb-024", "kb-027", "kb-044"], ["kb-079"], ("headset", 85),
                       ["My docking station does not show a picture.", "I would like a second monitor.", "My headset is broken."],
                       ["扩展坞没有画面。", "耳机坏了。"]),
    "phone": ("Catalogue", ["kb-026", "kb-033"], ["kb-080"], ("phone", 410),
              ["My company phone has no data.", "The screen of my phone is cracked."], ["公司手机没有流量。", "手机屏幕碎了。"]),
    "field_tablet": ("Fieldbook", ["kb-029", "kb-038", "kb-039"], ["kb-071"], ("rugged case", 60),
                     ["The tablet froze in the cold.", "My tablet does not charge in the van."], ["平板冻住了，点不动。"]),
    "work_orders": ("Fieldbook", ["kb-030"], ["kb-071"], None,
                    ["My work order did not sync.", "Fieldbook shows a conflict.", "No signal here, how do I close the job?"],
                    ["没信号，工单传不上去。", "Fieldbook 提示冲突。"]),
    "scanner": ("Warehouse", ["kb-031", "kb-032"], ["kb-072"], ("scanner battery", 45),
                ["The scanner does not pair.", "The label printer prints blank labels."], ["扫码枪配对不上。", "标签机打出来是空白。"]),
    "calibration": ("Warehouse", ["kb-034", "kb-040"], ["kb-072"], ("spare part", 120),
                    ["The bench computer does not start.", "I need a spare part for the bench."], ["校准台电脑开不了机。"]),
    "printing": ("Inkwell", ["kb-025"], ["kb-070"], None,
                 ["My print job is held.", "The printer does not take my badge."], ["刷卡打印没有出纸。", "打印机读不了工卡。"]),
    "files": ("Stacks", ["kb-048", "kb-022"], ["kb-077"], None,
              ["I deleted a folder, can it be restored?", "I need to send a large drawing to a customer.",
               "A guest cannot open our site."], ["误删了文件夹，能恢复吗？", "大图纸发不出去。"]),
    "workstation": ("Porthole", ["kb-020", "kb-042"], ["kb-077"], None,
                    ["Porthole shows a black screen.", "I cannot reach my workstation."], ["远程桌面黑屏。"]),
    "software": ("Catalogue", ["kb-053", "kb-014"], ["kb-079"], ("licence", 290),
                 ["I need a licence for the simulation package.", "May I have administrator rights for an hour?"],
                 ["想申请一个软件许可。"]),
    "mail": ("Postroom", ["kb-045", "kb-016"], ["kb-076"], None,
             ["My mailbox is full.", "Can I recall a message?", "I need a shared mailbox."], ["邮箱满了。", "邮件能撤回吗？"]),
    "delegation": ("Postroom", ["kb-046", "kb-047", "kb-063"], ["kb-076"], None,
                   ["My assistant should see my calendar.", "Who approves while I am away?"], ["请假期间谁来审批？"]),
    "meetings": ("Pulse", ["kb-028", "kb-049"], ["kb-076"], None,
                 ["The panel in the meeting room shows nothing.", "Nobody hears me in Pulse."], ["会议室投屏没有画面。"]),
    "leave": ("Rosterly", ["kb-050"], ["kb-073"], None,
              ["How do I enter leave?", "My leave balance is wrong.", "I must withdraw a leave request."],
              ["年假怎么申请？", "假期余额不对。"]),
    "payroll": ("Rosterly", ["kb-051", "kb-050"], ["kb-073"], None,
                ["A payroll change came after the close.", "The payroll file does not load."], ["工资表导不进去。"]),
    "people_records": ("Rosterly", ["kb-055", "kb-056", "kb-057"], ["kb-079"], None,
                       ["Somebody leaves on Friday, what must I close?", "How long do we keep these records?"],
                       ["有人离职，要关哪些权限？"]),
    "expenses": ("Ledgerline", ["kb-052"], ["kb-074"], None,
                 ["My expense claim was sent back.", "When are expenses paid?"], ["报销被退回了。", "报销什么时候到账？"]),
    "approvals": ("Harbor", ["kb-063", "kb-017"], ["kb-079"], None,
                  ["There are approvals I cannot open.", "Please move my approvals to my deputy."], ["审批打不开。"]),
    "reports": ("Lookout", ["kb-058"], ["kb-079"], None,
                ["The dashboard shows last month's numbers.", "I need the figures for the board."], ["看板数据没有更新。"]),
    "travel": ("Network", ["kb-062", "kb-033", "kb-009"], ["kb-080"], ("roaming package", 30),
               ["I travel next week, what must I set up?", "Roaming does not work."], ["下周出国出差，要准备什么？"]),
    "incident": ("Harbor", ["kb-059", "kb-061", "kb-060"], ["kb-079"], None,
                 ["Is there an outage at the plant?", "Who is the duty manager tonight?"], ["厂里系统是不是故障了？"]),
    "onboarding": ("Compass", ["kb-054", "kb-001"], ["kb-075"], None,
                   ["Which steps are left in Compass?", "My first week: what comes next?"], ["新员工第一周要做什么？"]),
    "training": ("Compass", ["kb-054"], ["kb-075"], ("course", 150),
                 ["May I book a course?", "My training budget is not shown."], ["想报名一门课程。"]),
}
# Weights of needs by persona; a need that is not named has 0.4.
TASTES = {
    "leadership": dict(reports=6, approvals=6, delegation=5, travel=5, phone=3, meetings=4, incident=2, sign_in=1),
    "knowledge_worker": dict(vpn=5, files=5, workstation=5, software=4, desk_equipment=3, device_health=3, meetings=2, expenses=2,
                             new_device=2),
    "field_worker": dict(work_orders=7, field_tablet=5, scanner=4, calibration=3, phone=3, wireless=2, leave=1.5, sign_in=1.5),
    "admin_hr": dict(payroll=5, people_records=5, leave=3, mail=4, delegation=3, printing=4, expenses=3, meetings=2),
    "new_hire": dict(onboarding=8, sign_in=3, second_factor=3, training=4, wireless=2, mail=2, leave=1.5, new_device=1),
}
# What one need often brings next.
FOLLOWS = {
    "new_device": dict(second_factor=6, device_health=3, mail=2), "phone": dict(second_factor=6), "sign_in": dict(second_factor=3),
    "travel": dict(expenses=6, vpn=4, phone=2), "leave": dict(delegation=4), "onboarding": dict(training=3, sign_in=2, second_factor=2),
    "software": dict(workstation=3, approvals=1), "payroll": dict(people_records=2, reports=1), "reports": dict(approvals=3, meetings=2),
    "work_orders": dict(field_tablet=3, wireless=2), "scanner": dict(calibration=2), "expenses": dict(approvals=1),
    "vpn": dict(workstation=4, files=2), "device_health": dict(new_device=3), "people_records": dict(sign_in=1, files=1),
}
# Months in which a need comes more often.
SEASONS = {
    "expenses": {12: 2.5, 1: 2.0}, "payroll": {1: 2.0, 4: 2.0}, "leave": {6: 2.5, 7: 2.0, 12: 2.0}, "delegation": {7: 2.0, 8: 2.0},
    "reports": {3: 2.0, 6: 2.0, 9: 2.0, 12: 2.0}, "field_tablet": {12: 2.0, 1: 2.5, 2: 2.0}, "vpn": {1: 1.6, 2: 1.6},
    "travel": {5: 2.0, 9: 2.0}, "training": {9: 2.0}, "people_records": {3: 1.8},
}
DEVICES = {
    "phone": dict(phone=2.5, second_factor=1.5), "tablet": dict(reports=1.4, meetings=1.4), "rugged tablet": dict(field_tablet=3.0),
    "handheld scanner": dict(scanner=3.5), "workstation": dict(workstation=3.0), "laptop": dict(vpn=1.6, desk_equipment=1.4),
    "desktop": dict(printing=1.8), "shared desktop": dict(sign_in=2.0), "ultrabook": dict(travel=1.4),
}
PACES = {"leadership": 26, "knowledge_worker": 34, "field_worker": 30, "admin_hr": 34, "new_hire": 30}


def own_taste(rng, persona, device):
    """The employee's weights of needs: a Dirichlet draw about the persona's, times what the device asks for."""
    base = {need: TASTES[persona].get(need, 0.4) for need in NEEDS}
    total = sum(base.values())
    # 14 in all: near the persona, with a few favourites.
    drawn = {need: rng.gammavariate(14 * weight / total, 1.0) + 1e-4 for need, weight in base.items()}
    for need, factor in DEVICES.get(device, {}).items():
        drawn[need] *= factor
    total = sum(drawn.values())
    return {need: weight / total for need, weight in drawn.items()}


def pick(rng, weights):
    draw = rng.random() * sum(weights.values())
    for key, weight in weights.items():
        draw -= weight
        if draw < 0:
            return key
    return next(iter(weights))


def next_need(rng, person, at, last, open_issues):
    if open_issues and rng.random() < 0.6:
        return open_issues.pop(0)
    weights = {}
    days_in = (at - person["hired"]).days
    for need, weight in person["taste"].items():
        weight *= SEASONS.get(need, {}).get(at.month, 1.0)
        weight += 0.045 * FOLLOWS.get(last, {}).get(need, 0.0)
        if need == "onboarding" and days_in > 90:
            weight *= 0.05
        weights[need] = weight
    return pick(rng, weights)


def office_hours(rng, at, persona):
    """The same day at an hour when such people work; field workers also at weekends."""
    while persona != "field_worker" and at.weekday() >= 5:
        at += datetime.timedelta(days=1)
    hour = min(20, max(6, rng.gauss(8 if persona == "field_worker" else 11, 2.5)))
    return at.replace(hour=int(hour), minute=rng.randrange(60), second=rng.randrange(60), microsecond=0)


def episode(rng, person, need, at):
    """The events of one need: (time, kind, item, categories, number, text)."""
    system, english, chinese, purchase, questions, chinese_questions = NEEDS[need]
    is_chinese = person["language"] == "zh"
    articles = chinese if is_chinese else english
    categories = {"need": need, "system": system}
    events = []

    def add(kind, item="", number="", text="", delay=0.0):
        nonlocal at
        at += datetime.timedelta(seconds=round(delay))
        events.append((at, kind, item, dict(categories), number, text))

    if rng.random() < 0.55:
        add("click", "tile:" + system.lower())
    if rng.random() < 0.6:
        for article in rng.sample(articles, k=min(len(articles), 1 + (rng.random() < 0.3))):
            add("resource", article, delay=rng.expovariate(1 / 40))
    solved = rng.random() < 0.45 and bool(events)
    if not solved:
        add("message", text=rng.choice(chinese_questions if is_chinese else questions), delay=rng.expovariate(1 / 90))
        solved = rng.random() < 0.5
    if not solved:
        categories["priority"] = rng.choices(["low", "normal", "high"], [0.25, 0.6, 0.15])[0]
        add("ticket", "service:" + need, delay=rng.expovariate(1 / 300))
        wait = rng.lognormvariate(math.log(6), 0.9) * 3600
        if rng.random() < 0.55:
            add("rating", "service:" + need, number=max(1, min(5, round(rng.gauss(4.4 - wait / 86400, 0.8)))), delay=wait)
    if purchase and rng.random() < 0.3:
        add("purchase", purchase[0], number=round(purchase[1] * rng.uniform(0.9, 1.2), 2), delay=rng.expovariate(1 / 3600))
    return events, solved


def simulate(rng, person):
    """All events of an employee in order of time, and the needs behind them."""
    events, needs, open_issues, last = [], [], [], None
    if rng.random() < 0.04:
        return events, needs
    # Needs a year: some people never ask, some ask daily.
    person["pace"] = pace = PACES[person["persona"]] * rng.lognormvariate(0.0, 0.65)
    if person["persona"] == "new_hire":
        pace *= 4
    at = max(FIRST, person["hired"])
    while True:
        at += datetime.timedelta(days=rng.expovariate(pace / 365))
        when = office_hours(rng, at, person["persona"])
        if when >= LAST:
            return events, needs
        need = next_need(rng, person, when, last, open_issues)
        happened, solved = episode(rng, person, need, when)
        if len(events) + len(happened) > MOST_EVENTS:
            return events, needs
        events += [event for event in happened if event[0] < LAST]
        needs.append((when, need))
        if not solved and rng.random() < 0.35:
            open_issues.append(need)
        last, at = need, max(at, when)


def row_of(identity, number, event):
    at, kind, item, categories, value, text = event
    return {"id": f"{identity}-{number:03d}", "user": identity, "at": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "kind": kind, "item": item,
            "categories.need": categories.get("need", ""), "categories.system": categories.get("system", ""),
            "categories.priority": categories.get("priority", ""), "number": value, "text": text}


def with_noise(rng, row):
    """One event as a real log would tell it: once, twice, or in a burst."""
    if rng.random() < 0.05:
        row[rng.choice(["item", "categories.need", "categories.system", "text", "number"])] = ""
    if rng.random() < 0.01:
        row["item"] = f"retired-{rng.randrange(40)}"
    if rng.random() < 0.003:
        row["at"] = rng.choice(["2031-01-01T00:00:00Z", "1970-01-01T00:00:05Z"])
    rows = [row]
    if rng.random() < 0.005:
        rows.append(dict(row))
    if row["kind"] == "click" and rng.random() < 0.02:
        rows += [dict(row, id=f"{row['id']}b{i}") for i in range(rng.randint(2, 7))]
    return rows


def read_people(out):
    truth = {line["id"]: line for line in map(json.loads, open(out / "truth.jsonl"))}
    for line in map(json.loads, open(out / "employees.jsonl")):
        attributes = line["attributes"]
        hired = datetime.datetime.fromisoformat(attributes["hired"]).replace(tzinfo=datetime.timezone.utc)
        yield {"id": line["id"], "persona": truth[line["id"]]["persona"], "device": attributes.get("device", ""),
               "language": attributes["language"], "hired": hired}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="examples/service-desk")
    parser.add_argument("--seed", type=int, default=11)
    options = parser.parse_args()
    out = pathlib.Path(options.out)
    lines, truths = [], []
    for person in read_people(out):
        # One stream a person: who else is there changes nobody's life.
        rng = random.Random(f"{options.seed}/{person['id']}")
        person["taste"] = own_taste(rng, person["persona"], person["device"])
        person["pace"] = 0.0
        events, needs = simulate(rng, person)
        for number, event in enumerate(sorted(events, key=lambda e: e[0])):
            for row in with_noise(rng, row_of(person["id"], number, event)):
                # Files are written as events arrive; one in a hundred is days late.
                arrival = event[0] + datetime.timedelta(days=rng.expovariate(0.2) if rng.random() < 0.01 else 0)
                lines.append((arrival, person["id"], number, row))
        truths.append({"id": person["id"], "pace": round(person["pace"], 1),
                       "taste": {need: round(weight, 4) for need, weight in sorted(person["taste"].items(), key=lambda t: -t[1])[:8]},
                       "needs": [[when.strftime("%Y-%m-%d"), need] for when, need in needs]})
    lines.sort(key=lambda line: line[:3])
    with open(out / "events.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=lines[0][3].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(row for _, _, _, row in lines)
    with open(out / "events_truth.jsonl", "w") as file:
        for truth in truths:
            file.write(json.dumps(truth, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
