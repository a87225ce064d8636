"""Look-up tasks over invented names, codes and amounts: nothing can be guessed, so only the passage helps.

A relation has statements and questions in other words. A passage holds several statements about a few things between
sentences that state nothing; one to four of them are asked for, and the answer is the statement.
"""

SYLLABLES = "ba be bi bo da de di do fa fe ga go ha ka ke ki ko la le li lo ma me mi mo na ne ni no pa pe po ra re ri ro sa se si so ta te ti to va ve za zo".split()
NOUNS = ["printer", "scanner", "laptop", "tablet", "badge", "mailbox", "shared folder", "licence", "headset", "dashboard", "ticket", "supplier account",
         "meeting room", "locker", "test rig", "backup", "archive", "report", "phone tariff", "training", "wiki space", "certificate", "guest pass",
         "docking station", "van kit", "purchase order", "expense claim", "mailing list", "sandbox", "workshop bench", "spare battery", "remote session",
         "data export", "role", "camera", "label", "contract", "invoice", "form", "server", "token", "SIM card", "VPN profile", "calendar", "project site"]
UNITS = ["minutes", "hours", "days", "working days", "weeks", "months", "working hours", "calendar days"]
NUMBERS = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twelve"]
COLOURS = ["amber", "red", "green", "blue", "white", "purple", "orange", "yellow"]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "the first working day of the month", "the last Friday of the month"]
PLACES = ["the ground floor of building {n}", "room {n}{n} next to the stairs", "the cabinet behind reception", "hall {n}", "the {colour} shelf in the store", "the desk on floor {n}"]
ROLES = ["the line manager", "the site lead", "the data officer", "the head of finance", "the licence manager", "the safety officer", "the system owner"]

# (statements, questions); {t} is the thing, {v} the value that the answer must hold.
RELATIONS = [
    ("code", ["If {t} cannot be reached, the screen shows {v}.", "{v} means that {t} is locked by someone else.", "Message {v} says that {t} has no owner."],
     ["Which code comes up when something is wrong with {t}?", "What does the screen say about {t}?", "Which message do I get for {t}?"]),
    ("code", ["Order {t} with form {v}.", "Requests for {t} go on form {v}, signed once.", "For {t} complete form {v} and send it to the desk."],
     ["Which form do I fill in to get {t}?", "What is the form for {t} called?", "How do I ask for {t}, with what form?"]),
    ("time", ["{T} is delivered within {v}.", "It takes {v} until {t} is ready.", "Expect {t} after {v}."],
     ["How long does it take to get {t}?", "How soon will I have {t}?", "When can I expect {t}?", "How long do I wait for {t}?"]),
    ("time", ["{T} is deleted after {v} without use.", "Unused for {v}, {t} is taken back.", "After {v} of silence {t} lapses by itself."],
     ["After how long is {t} removed if nobody uses it?", "When do I lose {t}?", "How long can {t} stay unused?"]),
    ("time", ["{T} can be restored for {v} after deletion.", "Within {v} you can bring {t} back yourself.", "Recovery of {t} is possible for {v}."],
     ["For how long can I recover {t}?", "How many days do I have to bring {t} back?", "Until when is {t} recoverable?"]),
    ("time", ["{T} must be renewed every {v}.", "The owner confirms {t} every {v}.", "Renewal of {t} is due each {v}."],
     ["How often do I have to renew {t}?", "What is the renewal interval of {t}?", "How frequently is {t} checked?"]),
    ("time", ["Borrow {t} for at most {v}.", "You may keep {t} for {v} at most.", "The longest loan of {t} is {v}."],
     ["For how long may I keep {t} at most?", "What is the maximum loan time of {t}?", "When do I have to give {t} back?"]),
    ("time", ["Report the loss of {t} within {v}.", "A lost {n} is blocked {v} after the report; this holds for {t}.", "If {t} is missing, tell the desk within {v}."],
     ["How quickly must I report that I lost {t}?", "What is the deadline when {t} goes missing?", "I lost {t}, how much time do I have?"]),
    ("money", ["{T} costs {v} and is charged to your cost centre.", "Your cost centre pays {v} for {t}.", "The price of {t} is {v} a year."],
     ["How much does {t} cost?", "What is the price of {t}?", "What do we pay for {t}?", "What is my cost centre charged for {t}?"]),
    ("money", ["Above {v} the purchase of {t} needs a second signature.", "Up to {v} you may buy {t} without asking.", "A claim for {t} over {v} goes to the finance board."],
     ["From what amount does {t} need another approval?", "Up to what sum can I buy {t} on my own?", "What is the limit in money for {t}?"]),
    ("name", ["{v} approves {t} after your line manager.", "{T} needs a yes from {v}.", "Access to {t} is granted by {v}."],
     ["Who approves {t}?", "Who has to say yes to {t}?", "Whose approval do I need for {t}?", "Who grants {t}?"]),
    ("name", ["{T} is looked after by {v}.", "The owner of {t} is {v}.", "Ask {v} when {t} fails twice."],
     ["Who is responsible for {t}?", "Who owns {t}?", "Whom do I ask about {t}?", "Who takes care of {t}?"]),
    ("name", ["If nobody answers, {v} takes over {t}.", "In the evening {v} stands in for {t}.", "Complaints about {t} go to {v}."],
     ["Who steps in for {t} if there is no answer?", "Who handles complaints about {t}?", "Who is the stand-in for {t}?"]),
    ("place", ["{T} stands in {v}.", "Collect {t} at {v}.", "You find {t} in {v}."],
     ["Where do I find {t}?", "Where can I pick up {t}?", "In which place is {t}?", "Where is {t} kept?"]),
    ("extension", ["Call extension {v} about {t}.", "{T} has its own line, extension {v}.", "For {t} ring {v} and hold the line."],
     ["Which number do I ring about {t}?", "What is the extension for {t}?", "How do I call someone about {t}?"]),
    ("percent", ["At {v} full {t} stops taking new items.", "A warning appears once {t} has used {v} of its room.", "{T} is throttled above {v} of the quota."],
     ["How full may {t} get?", "At what percentage does {t} warn me?", "At which share is {t} limited?"]),
    ("size", ["{T} holds at most {v}.", "The limit of {t} is {v}.", "Up to {v} fit into {t}."],
     ["How much fits into {t}?", "How large can {t} become?", "What is the size limit of {t}?", "How many can {t} hold?"]),
    ("clock", ["{T} is switched off at {v} local time.", "Every night at {v} {t} restarts.", "Changes to {t} are read at {v}."],
     ["At what time is {t} switched off?", "When in the day does {t} restart?", "At which hour are changes to {t} taken over?"]),
    ("day", ["{T} is serviced on {v}.", "The list of {t} goes out on {v}.", "On {v} nobody can book {t}."],
     ["On which day is {t} serviced?", "When is {t} not available in the week?", "What day is it for {t}?"]),
    ("tool", ["{T} is managed in {v}.", "Use {v} to change {t}.", "Since spring {v} has replaced the old page for {t}."],
     ["Which tool do I use for {t}?", "Where do I change {t}?", "What is the system for {t} called?", "In which application is {t} managed?"]),
    ("path", ["Choose {v} to set up {t}.", "{T} stands under {v}.", "In the menu go to {v} and pick {t}."],
     ["Where in the menu is {t}?", "How do I set up {t}, which menu?", "Which path leads to {t}?"]),
    ("count", ["You may have {v} of {t} at the same time.", "After {v} failed attempts {t} is locked.", "{T} is limited to {v} per person."],
     ["How many of {t} can I have?", "After how many attempts is {t} locked?", "What is the limit per person for {t}?"]),
    ("colour", ["A {v} light means that {t} is ready.", "{T} carries a {v} tag.", "Put {t} into the {v} box."],
     ["What colour is it for {t}?", "Which light shows the state of {t}?", "Which colour marks {t}?"]),
    ("level", ["{T} falls under level {v}.", "{T} is of class {v} and must not leave the site.", "Mark {t} as {v} before you send it."],
     ["Which level does {t} have?", "What class is {t}?", "How must I mark {t}?"]),
    ("host", ["{T} is reached at {v}.", "Point the client of {t} to {v}.", "The address of {t} is {v}."],
     ["What is the address of {t}?", "On which host is {t}?", "Which server do I enter for {t}?"]),
    ("version", ["{T} needs version {v} or later.", "Only from version {v} on does {t} open.", "{T} was fixed in version {v}."],
     ["Which version do I need for {t}?", "What is the oldest version that works with {t}?", "In which version was {t} fixed?"]),
    ("button", ["Hold the {v} button to reset {t}.", "If {t} is frozen, press {v}.", "{T} wakes up with {v}."],
     ["Which button resets {t}?", "What do I press when {t} is frozen?", "How do I wake {t}?"]),
    ("priority", ["A fault of {t} counts as {v}.", "{T} is handled with priority {v}.", "When {t} stops, open a ticket of class {v}."],
     ["Which priority has a fault of {t}?", "How is {t} ranked?", "What class of ticket is it when {t} stops?"]),
    ("count", ["One person may hold at most {v} of {t}.", "{T} admits {v} visitors at once.", "Each team gets {v} of {t}, and a further one needs a reason."],
     ["How many of {t} may one person hold?", "How many visitors does {t} admit?", "What is the largest number of {t} for a team?"]),
    ("name", ["Spare parts for {t} come from the partner {v}.", "Repairs of {t} are done by the firm {v} and not by the desk.", "If {t} breaks down on the road, call the service {v}."],
     ["To which partner does {t} go for repair?", "Which firm repairs {t}?", "Which service do I call when {t} breaks down?"]),
    ("name", ["At the plant {v} hands out {t}.", "Invitations to {t} are written by {v} in the office.", "The list of {t} is kept by {v}, who also strikes names off."],
     ["Who hands out {t} at the plant?", "Who writes the invitations to {t}?", "Who keeps the list of {t}?"]),
    ("time", ["Unless someone checks in, {t} is released after {v} and offered to others.", "If nobody turns up within {v}, {t} goes back to the pool.", "No reply for {v} closes the request for {t}."],
     ["When is {t} released if nobody checks in?", "How long is {t} held for me if I am late?", "After how long without a reply is the request for {t} closed?"]),
    ("time", ["A link to {t} works for {v} and may be renewed twice.", "The permit for {t} runs for {v}.", "Your right to use {t} ends {v} after the start."],
     ["How long does a link to {t} last?", "For how long is the permit for {t} valid?", "When does my right to use {t} end?"]),
    ("time", ["Press and hold for {v} to restart {t}.", "Leave {t} unplugged for {v} before you try again.", "Wait {v} between two tries with {t}."],
     ["How long do I hold to restart {t}?", "For how long must {t} stay unplugged?", "How much time must pass between two tries with {t}?"]),
    ("time", ["Records of {t} are kept for {v}, then destroyed.", "What happens on {t} is logged and stored for {v}.", "Films from {t} are overwritten after {v}."],
     ["How long are records of {t} kept?", "For how long is the log of {t} stored?", "When are films from {t} overwritten?"]),
    ("time", ["Book {t} at least {v} ahead.", "A request for {t} must arrive {v} before it is needed.", "The notice for {t} is {v}."],
     ["How far ahead must I book {t}?", "How early do I have to ask for {t}?", "What notice does {t} need?"]),
    ("money", ["A lost {n} is charged with {v}; the rule covers {t}.", "Whoever damages {t} pays a share of {v}.", "The deposit for {t} is {v}, paid back on return."],
     ["What do I pay if {t} gets lost or damaged?", "How high is the deposit for {t}?", "What does it cost me when I break {t}?"]),
    ("money", ["Each visit for {t} is billed at {v}.", "A test of {t} costs the project {v}.", "Per night {t} may cost {v}."],
     ["What does one visit for {t} cost?", "What does a test of {t} cost the project?", "How much may {t} cost per night?"]),
    ("percent", ["Installs on {t} wait while the battery is below {v}.", "Keep {t} charged above {v}.", "{T} switches to saving mode at {v}."],
     ["Below which battery level does {t} wait?", "How full must the battery of {t} be?", "At what charge does {t} begin to save?"]),
    ("code", ["A blocked nozzle or a worn part in {t} is reported as {v}.", "The warning {v} means that the second part of {t} is worn out.", "When the seal of {t} is broken it shows {v}."],
     ["Which error reports a fault inside {t}?", "Which code means that a part of {t} is worn out?", "What warning does {t} give when the seal is broken?"]),
    ("code", ["Log a case about {t} under the category {v}.", "Put {v} in the subject when you write about {t}.", "Until there is a number, use the prefix {v} for {t}."],
     ["As which category do I log {t}?", "What do I put in the subject about {t}?", "Which prefix stands in for the number of {t}?"]),
    ("size", ["The reason for {t} needs at least {v}.", "Files for {t} may be up to {v} each.", "A site for {t} starts with {v}."],
     ["How long must the reason for {t} be?", "How big may one file for {t} be?", "How much room does a site for {t} start with?"]),
    ("tool", ["Suppliers reach {t} through the gateway {v}.", "Pick the profile {v} for {t}.", "In China choose the entry {v} for {t}."],
     ["Which gateway do suppliers use for {t}?", "Which profile do I pick for {t}?", "What entry do I choose for {t} in China?"]),
    ("tool", ["A third screen on {t} needs the adapter {v}.", "To connect {t} ask for the cable {v}.", "{T} is armed with the key card {v}."],
     ["What do I need to connect another screen to {t}?", "Which cable does {t} take?", "Which key card arms {t}?"]),
    ("tool", ["Type {v} in the search field to see {t}.", "The bundle {v} contains {t}.", "{T} appears on the tile {v}."],
     ["What do I type to see {t}?", "Which bundle contains {t}?", "On which tile does {t} appear?"]),
    ("clock", ["On the last day {t} is closed at {v}.", "Deliveries of {t} leave at {v}.", "Whoever asks for {t} after {v} is served the next day."],
     ["When is {t} closed on the last day?", "At what time do deliveries of {t} leave?", "Until when must I ask for {t} to get it the same day?"]),
    ("extension", ["Outside office hours the hotline for {t} is {v}.", "Read the number of {t} to the duty desk, extension {v}.", "If the van with {t} is stuck, dial {v}."],
     ["What number is the hotline for {t}?", "Whom do I dial about {t} at night?", "Which extension has the duty desk for {t}?"]),
]
TAILS = ["", "", "", "", "", "", "", "", "", "", "", "", ", without exception", ", as before", ", weekends included", ", and the desk is told by mail", ", whatever the site", ", which cannot be changed later"]
FILLERS = ["Nothing else changes for you.", "The desk answers questions about this during office hours.", "Please read the whole page before you begin.",
           "This rule is reviewed once a year.", "Older notes on this topic are no longer valid.", "Keep the confirmation until the request is closed.",
           "If in doubt, ask before you act.", "The same holds for contractors.", "Most people never need this.", "It is the same at every site.",
           "Do not share passwords with anyone.", "The steps below take a few moments.", "A short message tells you when it is done."]

ZH_NOUNS = ["打印机", "扫码枪", "笔记本", "平板", "工牌", "邮箱", "共享文件夹", "许可证", "会议室", "储物柜", "备份", "报表", "证书", "访客证", "对讲机", "备用电池", "采购单", "报销单", "服务器", "门禁卡", "培训", "合同"]
ZH_RELATIONS = [
    ("code", ["{t}连不上时屏幕显示 {v}。", "提示 {v} 表示{t}已被锁定。"], ["{t}出错时显示什么代码？", "{t}有问题会出现哪个提示？"]),
    ("code", ["申请{t}须填写表单 {v}。", "{t}走表单 {v}，签字一次即可。"], ["申请{t}用哪张表单？", "要{t}得填什么表？"]),
    ("zhtime", ["{t}在 {v}内送达。", "{t}一般需要 {v}才能准备好。"], ["{t}要等多久？", "多长时间能拿到{t}？"]),
    ("zhtime", ["{t}闲置 {v}后会被收回。", "{t}超过 {v}不用就自动失效。"], ["{t}多久不用会被收回？", "{t}最多能闲置多久？"]),
    ("zhtime", ["{t}最多可以借用 {v}。", "{t}的借期上限是 {v}。"], ["{t}最多能借多久？", "{t}什么时候要还？"]),
    ("zhtime", ["{t}丢失后必须在 {v}内上报。", "发现{t}不见了，请在 {v}内联系服务台。"], ["{t}丢了要在多久内报告？", "丢了{t}，多长时间之内要说？"]),
    ("zhmoney", ["{t}的费用是 {v}，由部门承担。", "部门为{t}支付 {v}。"], ["{t}多少钱？", "{t}要花部门多少费用？"]),
    ("zhname", ["{t}由{v}审批。", "使用{t}要经过{v}同意。"], ["{t}谁来批？", "{t}要找谁同意？"]),
    ("zhname", ["{t}由{v}负责维护。", "{t}出故障请找{v}。"], ["{t}归谁管？", "{t}坏了找谁？"]),
    ("zhplace", ["{t}放在{v}。", "请到{v}领取{t}。"], ["{t}在什么地方？", "到哪里领{t}？"]),
    ("extension", ["{t}的问题请拨分机 {v}。", "{t}的分机号是 {v}。"], ["{t}的事打哪个电话？", "{t}的分机号是多少？"]),
    ("zhsize", ["{t}的上限是 {v}。", "{t}最多容纳 {v}。"], ["{t}最多能放多少？", "{t}的上限是多少？"]),
    ("clock", ["{t}每天 {v} 关闭。", "{t}每晚 {v} 重启。"], ["{t}几点关闭？", "{t}什么时间重启？"]),
    ("tool", ["{t}在 {v} 里管理。", "修改{t}请用 {v}。"], ["{t}用哪个系统管理？", "改{t}用什么工具？"]),
    ("zhcolour", ["{t}贴{v}标签。", "{t}放进{v}箱子。"], ["{t}是什么颜色的？", "{t}用哪种颜色标记？"]),
    ("zhtime", ["没有人签到时，{t}在 {v}后释放。", "{t}的链接有效期是 {v}。"], ["没人签到，{t}多久释放？", "{t}的链接能用多长时间？"]),
    ("zhtime", ["{t}的记录保存 {v}。", "申请{t}要提前 {v}。"], ["{t}的记录留多久？", "{t}要提前多长时间申请？"]),
    ("zhmoney", ["{t}的押金是 {v}。", "{t}每晚标准是 {v}。"], ["{t}押金多少？", "{t}每晚的标准是多少？"]),
    ("zhname", ["{t}的名单由{v}保管。", "夜里{t}的事找{v}。"], ["{t}的名单在谁那里？", "夜里{t}出问题联系谁？"]),
    ("code", ["{t}的工单用前缀 {v}。", "校验不通过时{t}报 {v}。"], ["{t}的工单用什么前缀？", "{t}校验不过会报哪个代码？"]),
    ("tool", ["在国内{t}的网关选 {v}。", "{t}要连 {v} 网络。"], ["在国内{t}选哪个网关？", "{t}连哪个网络？"]),
    ("zhsize", ["{t}的初始容量是 {v}。", "每人最多有 {v}{t}。"], ["{t}一开始有多大？", "每个人最多能有多少{t}？"]),
]
ZH_FILLERS = ["其他规定不变。", "有疑问请先问再做。", "请先读完整页说明。", "旧的说明已经作废。", "外包人员同样适用。", "完成后会收到短信。"]
ZH_SURNAMES, ZH_GIVEN = "蒋沈韩杨朱秦许何吕施张孔曹严华金魏陶姜", "文博雅静志强晓峰丽娜建国思远春梅子涵海涛"


def word(rng, count):
    return "".join(rng.choice(SYLLABLES) for _ in range(count)).capitalize()


def value(rng, kind):
    number = rng.randint(2, 95)
    simple = {
        "code": lambda: f"{''.join(rng.choices('ABCDEFGHKLMNPRSTVW', k=2))}-{rng.randint(10, 999)}",
        "time": lambda: f"{rng.choice(NUMBERS) if rng.random() < 0.4 else number} {rng.choice(UNITS)}",
        "money": lambda: rng.choice(["£{}", "GBP {}.50", "{} euros", "£{},400"]).format(number * rng.choice([1, 5, 10])),
        "name": lambda: f"{word(rng, 2)} {word(rng, rng.randint(2, 3))}",
        "place": lambda: rng.choice(PLACES).format(n=rng.randint(1, 9), colour=rng.choice(COLOURS)),
        "extension": lambda: str(rng.randint(1000, 9999)), "percent": lambda: f"{number} %",
        "size": lambda: f"{number * rng.choice([1, 1, 10])} {rng.choice(['GB', 'MB', 'items', 'people', 'pages', 'files', 'entries'])}",
        "clock": lambda: f"{rng.randint(0, 23):02d}:{rng.choice(['00', '15', '30', '45', '59'])}", "day": lambda: rng.choice(DAYS),
        "tool": lambda: word(rng, rng.randint(2, 3)), "path": lambda: " > ".join(word(rng, 2) for _ in range(rng.randint(2, 3))),
        "count": lambda: rng.choice(NUMBERS), "colour": lambda: rng.choice(COLOURS), "level": lambda: word(rng, 2),
        "host": lambda: f"{word(rng, 2).lower()}.{word(rng, 3).lower()}.example", "version": lambda: f"{rng.randint(1, 19)}.{rng.randint(0, 9)}",
        "button": lambda: f"{rng.choice(COLOURS)} {rng.choice(['Power', 'side', 'Menu', 'round', 'Start'])}", "priority": lambda: f"P{rng.randint(1, 5)}",
        "zhtime": lambda: f"{number} {rng.choice(['天', '小时', '分钟', '个工作日', '周'])}", "zhmoney": lambda: f"{number * 10} 元",
        "zhname": lambda: rng.choice(ZH_SURNAMES) + "".join(rng.choices(ZH_GIVEN, k=2)) if rng.random() < 0.6 else rng.choice(ZH_SURNAMES) + "师傅",
        "zhplace": lambda: f"{rng.choice('一二三四五六七')}号楼{rng.choice('一二三四五')}层{rng.choice(['走廊', '前台', '仓库', '东侧', '电梯口'])}",
        "zhsize": lambda: f"{number * rng.choice([1, 10])} {rng.choice(['条', 'GB', 'MB', '个', '人', '页'])}", "zhcolour": lambda: rng.choice(["红色", "黄色", "蓝色", "绿色", "白色", "紫色"]),
    }
    return simple[kind]()


def recall(rng, words, head):
    """Messages that ask for random words of the prompt again: to copy, and to copy what belongs to a key, before it makes sense."""
    def draw(low, high):
        return " ".join(rng.choice(words) for _ in range(rng.randint(low, high)))

    kind = rng.random()
    if kind < 0.3:
        turns = [(rng.choice(["Repeat: {}", "Say after me: {}", "{}\n\nAgain, please."]).format(text), text) for text in (draw(4, 24) for _ in range(rng.randint(1, 3)))]
        system = head
    elif kind < 0.65:
        pairs = {draw(1, 2): draw(1, 3) for _ in range(rng.randint(3, 12))}
        form = rng.choice(["{}: {}", "{} = {}", "{} is {}.", "{} -> {}"])
        system = "## Documents\n[1] List\n" + "\n".join(form.format(*pair) for pair in pairs.items())
        turns = [(rng.choice(["{}?", "What is {}?", "{}"]).format(key), pairs[key]) for key in rng.sample(list(pairs), min(len(pairs), rng.randint(2, 6)))]
    else:
        lines = [upper_first(draw(5, 14)) + "." for _ in range(rng.randint(3, 7))]
        system = "## Documents\n[1] Lines\n" + rng.choice(["\n", " "]).join(lines)
        turns = []
        for line in rng.sample(lines, min(len(lines), rng.randint(2, 4))):
            parts = line[:-1].split()
            hints = [parts[0], " ".join(parts[:2]), " ".join(rng.sample(parts, 2)), rng.choice(parts[1:])]
            turns.append((rng.choice(["Which line has {}?", "{}?", "Quote the line with {}."]).format(rng.choice(hints)), line))
        system = (head + "\n\n" if head else "") + system
    messages = [{"role": "system", "content": system}] if system else []
    return messages + [{"role": role, "content": text} for turn in turns for role, text in zip(("user", "assistant"), turn)]


def upper_first(text):
    return text[0].upper() + text[1:]


def thing(rng, chinese):
    noun = rng.choice(ZH_NOUNS if chinese else NOUNS)
    if chinese:
        return noun if rng.random() < 0.5 else f"{rng.choice(['新', '备用', '临时', '共享', '一号', '二号'])}{noun}"
    return rng.choice(["the {n}", "a new {n}", "the {w} {n}", "the {w} {n}", "a {n} of type {w}", "the {n} {w}", "a second {n}", "the {c} {n}", "the {n} at {w}"]).format(
        n=noun, w=word(rng, rng.randint(2, 3)), c=rng.choice(["spare", "shared", "old", "loan", "default", "locked", "temporary", "mobile"]))


def facts(rng, chinese):
    """Distinct (statement, question) pairs about one thing, told apart by what is asked alone, or about several."""
    relations = ZH_RELATIONS if chinese else RELATIONS
    things = list(dict.fromkeys(thing(rng, chinese) for _ in range(rng.choice([1, 1, 1, 2, 3, 4]))))
    count = min(rng.randint(3, 8), len(relations) * len(things))
    chosen = rng.sample([(r, t) for r in relations for t in things], count)
    for i, ((kind, statements, questions), t) in enumerate(chosen):
        named = t
        if len(things) == 1 and i > 0 and rng.random() < 0.5:  # as a text goes on about the same thing
            named = "它" if chinese else rng.choice(["it", "it", "the " + noun_of(t)])
        fields = {"t": named, "T": upper_first(named), "n": noun_of(t), "v": value(rng, kind)}
        form = rng.randrange(len(statements))
        statement = statements[form].format(**fields)
        if not chinese:
            statement = statement[:-1] + rng.choice(TAILS) + "."
        # Lists of one length answer each other one by one.
        question = questions[form] if len(questions) == len(statements) else rng.choice(questions)
        asked = t if rng.random() < 0.7 or chinese else "the " + noun_of(t)
        yield upper_first(statement), question.format(t=asked)


def noun_of(t):
    return next((noun for noun in NOUNS if noun in t), t)


def lookup(rng):
    """Returns (title, passage, [(question, answer)]): one to four of the passage's statements are asked for."""
    chinese = rng.random() < 0.2
    pairs = [(question, statement) for statement, question in facts(rng, chinese)]
    sentences = [answer for _, answer in pairs]
    for _ in range(rng.randint(0, 3)):
        sentences.insert(rng.randint(0, len(sentences)), rng.choice(ZH_FILLERS if chinese else FILLERS))
    joined = ""
    for sentence in sentences:
        gap = rng.choice(["\n", "\n\n"]) if rng.random() < 0.2 else "" if chinese else " "
        joined += (gap if joined else "") + sentence
    title = rng.choice(ZH_NOUNS) + "说明" if chinese else upper_first(f"{rng.choice(NOUNS)}s and {rng.choice(NOUNS)}s") if rng.random() < 0.7 else word(rng, 3)
    return title, joined, rng.sample(pairs, min(len(pairs), rng.randint(1, 4)))
