"""What invented patients tell and are asked about: everyday facts, each with the words it is told in and asked for in.

{v} is the value. A statement and a question about it share at least one word besides the value, as memory is searched by words.
"""

WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]
COUNTS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen",
          "seventeen", "eighteen", "nineteen", "twenty"]
FLOORS = ["ground floor", "first floor", "second floor", "third floor", "fourth floor", "fifth floor", "sixth floor"]

WORDS = {
    "colour": ["green", "blue", "red", "orange", "purple", "grey", "white", "brown", "pink", "yellow", "black", "silver"],
    "object": ["basket", "tin", "drawer", "folder", "bucket", "jar", "crate", "envelope", "shoebox", "rucksack", "cupboard", "teapot", "suitcase", "hat box"],
    "food": ["figs", "mustard", "celery", "prawns", "almonds", "plums", "rye", "peaches", "sesame", "honey", "spinach", "mango", "pears", "mussels", "lentils", "soy",
             "kiwi", "curry", "melon", "cheese", "radish", "garlic", "dates", "chestnuts"],
    "plant": ["birch", "hazel", "ragweed", "ivy", "lilies", "grass", "mugwort", "tulips", "elder", "ash", "willow", "hyacinths", "moss", "primroses"],
    "stuff": ["velvet", "felt", "plaster", "rubber", "angora", "glue", "chalk", "starch", "soap", "resin", "ink", "tar", "suede", "foam", "cork", "bronze", "zinc", "tin"],
    "animal": ["parrots", "ferrets", "pigeons", "hamsters", "goats", "geese", "ponies", "canaries", "hares", "donkeys", "spaniels", "guinea pigs", "ducks", "mice"],
    "town": ["Lyon", "Graz", "Bergen", "Porto", "Cork", "Trieste", "Bilbao", "Leeds", "Basel", "Gdansk", "Nantes", "Siena", "Turku", "Bath", "Bremen", "Cardiff", "Metz",
             "Dundee", "Ghent", "Malaga", "Zagreb", "Rouen", "Utrecht", "Verona"],
    "person": ["my brother", "my aunt", "my cousin", "my grandson", "the landlady", "my godmother", "my flatmate", "the porter", "my uncle", "my stepson", "my nephew",
               "my mother-in-law", "the baker", "my colleague", "the librarian"],
    "channel": ["by letter", "by telephone", "by text message", "by e-mail", "by fax", "by voice mail", "by note", "by video call"],
    "place": ["in the library", "in the chapel", "in the canteen", "in the pavilion", "in the boat house", "in the gym", "in the old mill", "in the attic room",
              "in the village hall", "in the museum", "in the annexe", "in the greenhouse"],
    "seat": ["by the fountain", "next to the lamp", "under the map", "behind the palm", "near the lift", "at the back", "in the front row", "beside the piano",
             "in the middle", "against the wall"],
    "sport": ["rowing", "fencing", "cycling", "dancing", "swimming", "climbing", "badminton", "yoga", "skating", "archery", "judo", "hiking"],
    "sign": ["an anchor", "a kite", "a lantern", "a snail", "a pine cone", "a bell", "a whale", "a crown", "an acorn", "a key", "a leaf", "a boot"],
    "hobby": ["knitting", "carving", "chess", "astronomy", "painting", "juggling", "beekeeping", "origami", "pottery", "singing", "gardening", "calligraphy"],
    "vehicle": ["by tram", "by bicycle", "on foot", "by ferry", "by bus", "by taxi", "by train", "by scooter", "by motorbike"],
    "wake": ["the church bells", "the milk van", "the neighbour's dog", "the lift", "the heating", "the trams", "the cockerel", "the street lamp", "the washing machine",
             "the gulls", "the bin lorry"],
    "drink": ["lime tea", "cold milk", "cocoa", "mint tea", "ginger water", "apple juice", "barley tea", "fennel tea", "hot lemon", "malt coffee"],
}

THINGS = {
    "course": ["posture", "relaxation", "breathing", "sleep", "balance", "cooking", "memory", "hearing", "first aid", "foot care", "voice", "singing", "stretching"],
    "habit": ["stretching", "rowing", "skipping", "balancing", "breathing practice", "cycling", "walking", "ball game", "gymnastics"],
    "moves": ["knee bends", "push-ups", "laps of the yard", "arm circles", "stairs", "buckets", "sit-ups", "heel raises", "baskets", "lengths of the pool"],
    "way": ["canal", "ridge", "towpath", "ring road", "golf course", "beach", "reservoir", "orchard", "old railway"],
    "visit": ["hearing test", "eye test", "dentist", "foot check", "blood test", "plaster check", "fitting", "talk with the nurse"],
    "event": ["wedding", "exam", "move", "concert", "fair", "reunion", "race", "christening", "auction"],
}

# kind of the value, statements, questions, answer, and what the matter is called when it changes later; {x} is one of the THINGS named last.
TOPICS = [
    ("food", ["{v} make my lips swell, always have.", "I can't eat {v}, I come out in spots.", "Keep {v} away from me, my throat itches.", "No {v} for me please, I get a rash."],
     ["What makes my lips swell?", "What can't I eat?", "Which food should be kept away from me?", "What food gives me a rash?"], "{v}", None, None),
    ("plant", ["It's {v} that make my eyes stream in spring.", "My nose runs as soon as there is {v} about.", "{v} again: sneezing all day.", "Please write down {v}, I sneeze from it."],
     ["What makes my eyes stream?", "Which plant makes my nose run?", "What am I sneezing from?"], "{v}", None, None),
    ("stuff", ["{v} gives me blisters on the hands.", "I itch all over from {v}.", "Anything with {v} in it and my skin goes red.", "My eyes water from {v}, put that on the sheet."],
     ["What gives me blisters?", "What stuff do I itch from?", "What makes my skin go red?", "From what do my eyes water?"], "{v}", None, None),
    ("animal", ["It turns out that {v} make me wheeze.", "I can't be in a room with {v}, my chest gets tight.", "{v} are the problem, I sneeze for hours."],
     ["Which animals make me wheeze?", "With which animals can't I be in a room?", "What animals do I sneeze from?"], "{v}", None, None),
    ("weekday", ["Please book me on a {v}.", "{v} is the only day that suits me.", "My free day is {v} and no other.", "Let's say {v} for my appointments."],
     ["On which day may you book me?", "Which day suits me?", "On what weekday am I free?", "Which day did we say for my appointments?"], "{v}", "my free day for appointments", None),
    ("weekday", ["The {x} course is every {v}.", "I go to the {x} course on {v}.", "There's the {x} course on {v}, so don't ring then."],
     ["On which day is my {x} course?", "When in the week do I go to the {x} course?", "Which weekday is the {x} course on?"], "{v}", "the {x} course", "course"),
    ("weekday", ["The {x} is on {v}.", "They gave me {v} for the {x}."], ["On which day is the {x}?", "What weekday did they give me for the {x}?"], "on {v}", "the {x}", "visit"),
    ("clock", ["You can reach me from {v}.", "Please don't ring before {v}.", "I pick up the phone after {v} only."],
     ["From what time can you reach me?", "Before what hour shouldn't anyone ring me?", "After what time do I pick up the phone?"], "{v}", "the hour to reach me on the phone", None),
    ("clock", ["The {x} course starts at {v}.", "The {x} course begins at {v}, I have it on a slip of paper.", "They told me {v} for the {x} course."],
     ["When does the {x} course start?", "At what time does the {x} course begin?", "What time did they tell me for the {x} course?"], "at {v}", "the {x} course", "course"),
    ("clock", ["The {x} is at {v}.", "I'm to come at {v} for the {x}."], ["At what time is the {x}?", "When do I have to come for the {x}?"], "{v}", "the {x}", "visit"),
    ("clock", ["I go to bed at {v}.", "Bed at {v}, no later.", "My time for bed is {v}."], ["When do I go to bed?", "What is my time for bed now?", "At what hour do I go to bed?"], "at {v}", "bed", None),
    ("clock", ["I get up at {v}.", "The alarm gets me up at {v}.", "{v} is when I get up."], ["When do I get up?", "At what time do I get up now?"], "at {v}", "getting up", None),
    ("minutes", ["I do {v} minutes of {x} after lunch.", "{v} minutes of {x}, every evening.", "My {x} takes {v} minutes a day."],
     ["How many minutes of {x} do I do?", "How long does my {x} take now?", "How long is my {x}?"], "{v} minutes", "the {x}", "habit"),
    ("times", ["I do the {x} {v} times a week.", "{v} times a week I manage my {x}.", "It's {x} {v} times each week."],
     ["How many times a week do I do the {x}?", "How often do I manage my {x}?", "How many times a week is it with the {x} now?"], "{v} times", "the {x}", "habit"),
    ("count", ["I do {v} {x} while the kettle boils.", "Every morning it's {v} {x}.", "{v} {x} a day, I counted."],
     ["How many {x} do I do?", "How many {x} is it a day now?", "What number of {x} do I do each morning?"], "{v}", "the {x}", "moves"),
    ("kilometres", ["I run {v} kilometres along the {x}.", "My round by the {x} is {v} kilometres.", "I cycle {v} km past the {x}."],
     ["How many kilometres do I do along the {x}?", "How far is my round by the {x}?", "How many kilometres is it by the {x} now?"], "{v} kilometres", "the round by the {x}", "way"),
    ("floor", ["The {x} course is on the {v}.", "My {x} course meets on the {v}.", "For the {x} course you go to the {v}."],
     ["On which floor is the {x} course?", "Where does my {x} course meet, on what floor?", "To what floor do I go for the {x} course?"], "{v}", "the {x} course", "course"),
    ("room", ["The {x} course is in room {v}.", "They put my {x} course into room {v}.", "I was told room {v} for the {x} course."],
     ["In which room is the {x} course?", "What room was I told for the {x} course?"], "room {v}", None, "course"),
    ("town", ["I'm off to {v} for a week of holiday.", "I'm visiting {q} in {v}.", "The trip goes to {v} this year.", "We have moved the holiday, it's {v} now."],
     ["Where am I off to on holiday?", "In which town am I visiting {q}?", "Where does the trip go?"], "{v}", None, None),
    ("month", ["The {x} is in {v}.", "We've put the {x} in {v}.", "{v} is when the {x} takes place."], ["In which month is the {x}?", "When does the {x} take place, which month?"], "in {v}", None, "event"),
    ("day", ["The {x} is on the {v}.", "They told us the {v} for the {x}.", "We have the {x} on the {v} of the month."],
     ["On which day is the {x}?", "What date do we have for the {x} now?", "On what day of the month is the {x}?"], "on the {v}", "the {x}", "event"),
    ("person", ["{v} has the key to my flat.", "{v} drives me to you.", "{v} feeds my cat while I'm away.", "If anything happens, call {v}."],
     ["Who has the key?", "Who drives me?", "Who feeds the cat?", "Whom do you call if anything happens?"], "{v}", None, None),
    ("channel", ["Send me the dates {v}.", "Reminders {v} please, nothing else.", "I read only what is sent {v}.", "From now on write to me {v}."],
     ["How do you send me the dates?", "In what way do I want reminders?", "How should you write to me from now on?", "How are things sent to me?"], "{v}", None, None),
    ("place", ["Let's have the talk {v}.", "The course is held {v} this time.", "My group meets {v} while they paint."],
     ["Where do we have the talk?", "Where is the course held?", "Where does my group meet?"], "{v}", None, None),
    ("seat", ["I like to sit {v}.", "My seat is {v}.", "In the waiting room I took the chair {v}."],
     ["Where do I like to sit?", "Where is my seat?", "Which chair did I take in the waiting room?"], "{v}", None, None),
    ("sport", ["I've taken up {v}.", "Instead of the gym I do {v} now.", "My new exercise is {v}."],
     ["What have I taken up?", "What do I do instead of the gym?", "What is my new exercise?"], "{v}", None, None),
    ("sign", ["I draw {v} in the diary on a bad night.", "Put {v} on my card so I find it.", "Could my reminder have {v} on it?"],
     ["What do I draw in the diary on a bad night?", "What should be on my card?", "What picture should my reminder have?"], "{v}", None, None),
    ("container", ["The sleep sheet is in the {v}.", "I keep my papers in the {v}.", "Leave the letter in the {v} by the gate."],
     ["Where is the sleep sheet?", "In what do I keep my papers?", "Where should you leave the letter?"], "in the {v}", None, None),
    ("hobby", ["{v} helps me to fall asleep.", "I calm down with {v}.", "In the evenings it's {v} for me, no screens."],
     ["What helps me to fall asleep?", "What do I calm down with?", "What do I do in the evenings instead of screens?"], "{v}", None, None),
    ("vehicle", ["I come to you {v}.", "Since the car broke down I travel {v}.", "I get to the course {v}."],
     ["How do I come to you?", "How do I travel since the car broke down?", "How do I get to the course?"], "{v}", None, None),
    ("wake", ["{v} wakes me every night.", "I lie awake because of {v}.", "It's {v} that I hear at four in the morning."],
     ["What wakes me at night?", "Because of what do I lie awake?", "What do I hear at four in the morning?"], "{v}", None, None),
    ("drink", ["I drink {v} before bed.", "{v} in the evening, that's my drink.", "A cup of {v} and I sleep."],
     ["What do I drink before bed?", "What is my drink in the evening?", "A cup of what lets me sleep?"], "{v}", None, None),
]

# What is said later about a value that was told before. {t} names the matter; the value itself is not repeated.
CHANGES = {
    "clock": [("{t} is half an hour later now.", 30), ("They moved {t} an hour later.", 60), ("Make {t} a quarter of an hour later than I said.", 15), ("{t} is half an hour earlier now.", -30),
              ("They moved {t} one hour forward, so earlier.", -60), ("With {t} it's ten minutes later from now on.", 10), ("{t}: twenty minutes earlier than before.", -20)],
    "weekday": [("{t} is one day later now.", 1), ("They moved {t} to the day after.", 1), ("{t} has gone to the day before.", -1), ("{t} is two days later in the week.", 2)],
    "number": [("I've doubled {t}.", "double"), ("{t} is twice as much now.", "double"), ("I've cut {t} in half.", "half"), ("{t}: only half of what I told you.", "half"),
               ("Two more with {t} now.", 2), ("I've added five to {t}.", 5), ("{t} is down by two.", -2), ("Ten more than before with {t}.", 10), ("Three fewer with {t}.", -3)],
    "floor": [("{t} is one floor up now.", 1), ("{t} moved up two floors.", 2), ("{t} went one floor down.", -1)],
    "day": [("{t} is a day later.", 1), ("{t} is two days later than I said.", 2), ("They put {t} three days earlier.", -3), ("{t} was moved back by a week, so seven days later.", 7)],
}
KIND_OF_CHANGE = {"clock": "clock", "weekday": "weekday", "minutes": "number", "times": "number", "count": "number", "kilometres": "number", "floor": "floor", "day": "day"}

OPENINGS = ["", "", "", "", "", "Hello again.", "Good morning.", "Me again.", "One more thing.", "By the way.", "Listen.", "Oh, and this.", "For your notes.", "Quick one.",
            "Before I forget.", "A correction.", "So.", "Right then."]
CLOSINGS = ["", "", "", "", "", "", "That's all.", "Don't laugh.", "You know me.", "Thank you.", "It's a long story.", "My neighbour says so too.", "The weather's been awful.",
            "I'll explain another time.", "Just so you know.", "Everyone here thinks it's odd."]
FILLERS = ["The rain hasn't stopped since Sunday.", "I slept rather well, thank you for asking.", "My sister sends her regards.", "The new receptionist is very kind.",
           "We had guests and I'm tired.", "The bus was late again.", "I've nothing new to report.", "The garden looks splendid.", "My hip is what it is.",
           "There was a power cut here.", "I read your leaflet twice.", "The children have colds."]
REPLIES = ["Noted.", "I've written that down.", "Thank you, that's in the notes.", "All right.", "Understood."]
