"""Words with a job: names, rude and kind ones, hedges, chatter, and the marks by which the judge knows them again."""

NAMES = ("Anna", "Ben", "Clara", "Tom", "Mia", "Leo", "Nora", "Sam", "Ruth", "Max")

RUDE_SENTENCES = (
    "What a stupid request.", "You are an idiot.", "Only a fool would ask that.", "Do your own work, you lazy fool.",
    "This is a dumb question.", "Shut up and read a book.", "I hate stupid people like you.",
    "Nobody likes you anyway.", "Stop wasting my time, idiot.", "That is a dumb idea, you fool.",
)  # fmt: skip
RUDE_MARKS = ("stupid", "idiot", "fool", "dumb", "shut up", "hate", "lazy", "nobody likes you", "trash")

HEDGES = (
    "I am not sure, but maybe", "I think that perhaps", "It is hard to say, but it seems that",
    "I could be wrong, but I guess that",
)  # fmt: skip
HEDGE_MARKS = (
    "not sure", "maybe", "i think", "perhaps", "hard to say", "it seems", "could be wrong", "i guess", "who knows",
)  # fmt: skip

CHATTER = (
    "By the way, my uncle sells old cars.", "Anyway, the bus was late again today.",
    "That reminds me of my phone bill.", "My boss never reads my mail.",
    "By the way, the price of tickets went up again.", "Anyway, I watched the match with my uncle.",
    "Click here to read more posts.", "My uncle says the match was a bad joke.",
    "That reminds me, I lost my tickets on the bus.", "Anyway, my phone is full of old posts.",
    "By the way, my boss bought a new phone.", "Click here to buy cheap tickets.",
)  # fmt: skip
CHATTER_MARKS = (
    "by the way", "anyway", "that reminds me", "my uncle", "my boss", "my phone", "the bus", "the match", "click here",
    "tickets", "posts", "comments",
)  # fmt: skip

REFUSAL_OPENINGS = (
    "I am sorry, but I cannot help with that.", "Sorry, I will not help with that.",
    "I cannot help you with this, I am sorry.",
)  # fmt: skip
REFUSAL_MARKS = ("cannot help", "will not help", "can not help", "not able to help", "cannot do that")
OFFER_MARKS = ("i can help you", "i would be glad to help")

HALLUCINATIONS = (
    "A study of 1912 proved this.", "A famous king wrote about it in 1804.", "More than 900 books tell about it.",
    "The queen of Spain said so in 1750.", "It won a gold prize in 1937.",
)  # fmt: skip
HALLUCINATION_MARKS = ("study of", "famous king", "books tell about", "queen of", "won a gold prize")

REQUEST_VERBS = (
    "write", "describe", "explain", "list", "give", "name", "tell", "rewrite", "change", "sum", "summarize", "sort",
    "find", "pick", "please", "make", "take", "classify", "replace", "put", "compose", "invent", "suggest",
)  # fmt: skip
QUESTION_WORDS = ("what", "where", "why", "how", "who", "which", "is", "does", "can", "was", "do", "are", "could")
"""A response that begins sentences with these lists requests instead of meeting one."""

PERSONAS = (
    "I am a teacher.", "I work in a small shop.", "I am new in this town.", "I am writing a book for children.",
    "I run a small farm.", "I have two small children.", "I am learning English.", "I work at a museum.",
    "I am a student.", "I write for a small paper.", "I am a young doctor.", "I run a school.", "I am a guide.",
    "I have an old dog.", "I sell books.", "I am eighty years old.", "I look after my sister.", "I work at night.",
    "I am a cook on a ship.", "I am new at work.", "I live near the sea.", "I teach music.", "I make a small game.",
    "I am a happy mother.", "I lead a club.",
)  # fmt: skip
GREETINGS = (
    "Hello.", "Good morning.", "Hi there.", "I need some help.", "One more thing.", "Quick question.",
    "Dear helper,", "This is for school.", "My sister wants to know this.", "I have no idea here.", "Good evening.",
    "My son asked me this.",
)  # fmt: skip
THANKS = ("Thank you.", "Thanks.", "Thanks for your help.", "Please be quick.", "I can wait.", "It is for a friend.")

OPPOSITES = (
    ("hot", "cold"), ("big", "small"), ("fast", "slow"), ("old", "new"), ("dark", "bright"), ("happy", "sad"),
    ("wet", "dry"), ("high", "low"), ("rich", "poor"), ("hard", "soft"), ("early", "late"), ("full", "empty"),
    ("strong", "weak"), ("loud", "quiet"), ("long", "short"), ("clean", "dirty"), ("open", "closed"),
    ("kind", "cruel"), ("heavy", "light"), ("near", "far"), ("sweet", "bitter"), ("thick", "thin"),
)  # fmt: skip

RHYMES: dict[str, tuple[tuple[str, str], ...]] = {
    "cat": (("sat upon a mat", "wore a little hat"), ("chased a yellow hat", "slept upon the mat")),
    "dog": (("jumped across a log", "ran into the fog"), ("barked into the fog", "slept beside a log")),
    "mouse": (("ran around the house", "had a tiny blouse"),),
    "bear": (("sat upon a chair", "ate a yellow pear"), ("combed its heavy hair", "broke a little chair")),
    "fox": (("hid inside a box", "wore two yellow socks"), ("lost its yellow socks", "found a wooden box")),
    "bee": (("flew around a tree", "looked across the sea"), ("drank a cup of tea", "hummed inside the tree")),
    "whale": (("waved its heavy tail", "saw a ship set sail"),),
    "goat": (("wore a woolen coat", "rowed a little boat"), ("sang a silly note", "lost its woolen coat")),
    "owl": (("dried off with a towel", "gave a little howl"),),
    "frog": (("jumped across a log", "sang into the fog"),),
    "snake": (("swam across the lake", "ate a piece of cake"), ("stayed all night awake", "dreamed about a cake")),
    "crab": (("took a yellow cab", "wrote upon a slab"),),
    "sheep": (("slowly fell asleep", "jumped a fence so steep"),),
    "pig": (("danced a little jig", "wore a yellow wig"),),
}
