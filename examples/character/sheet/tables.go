package sheet

type ancestry struct {
	name      string
	grown     int         // age of an adult
	gifts     map[int]int // bonuses, by ability
	languages []string
	traits    []string
	homes     []string
	names     []string
}

func (a ancestry) called() string { return a.name }

var ancestries = []ancestry{
	{name: "Human", grown: 18, gifts: map[int]int{strength: 1, reason: 1, presence: 1}, languages: []string{"Harbour cant"},
		traits: []string{"Learns fast and forgets slowly", "At home wherever the soup is warm", "Never quite content"},
		homes:  []string{"above a bakery in the harbour town of Lenn", "on a barge between two markets", "in the last house of a street that has since burned down"},
		names:  []string{"adela", "alaric", "brenna", "caspar", "corin", "dorothea", "edmund", "elena", "gareth", "helena", "ilsa", "jorin", "katrin", "leona", "marten", "mirela", "odilia", "rowan", "selma", "tobias", "ursel", "valeria", "wendel", "yorick"}},
	{name: "Wood elf", grown: 60, gifts: map[int]int{agility: 2, insight: 1}, languages: []string{"Leaftongue", "Birdcall"},
		traits: []string{"Sees by starlight", "Needs four hours of sleep", "Remembers every tree by name"},
		homes:  []string{"in the crown of a beech as old as the kingdom", "where the forest of Ymrel has no paths", "under a bridge of living roots"},
		names:  []string{"aelion", "arannis", "caelynn", "celeriel", "elaith", "elowen", "faelar", "galinndan", "ilvanya", "laeriel", "liadan", "maerwen", "naivara", "nuala", "quelenna", "rolien", "saelind", "sylvara", "thamior", "valanthe", "yllena"}},
	{name: "Stone dwarf", grown: 40, gifts: map[int]int{endurance: 2, strength: 1}, languages: []string{"Deepspeech"},
		traits: []string{"Sees in the dark", "Tells the age of a wall by its smell", "Cannot be poisoned by any drink"},
		homes:  []string{"nine floors below the mountain Karg", "in the gatehouse of a mine that had run dry", "beside a forge that has not gone cold for six hundred years"},
		names:  []string{"barundin", "bofri", "brottor", "dagnal", "durra", "eberk", "gimra", "grunda", "harbek", "hildra", "kathra", "korgan", "magrid", "mordin", "orsik", "rurik", "sannl", "thora", "thrain", "torbera", "ulfgar", "vistra"}},
	{name: "Burrow folk", grown: 25, gifts: map[int]int{agility: 1, presence: 2}, languages: []string{"Hearthspeech"},
		traits: []string{"Is overlooked by whoever is tall", "Finds the kitchen of any castle", "Has luck where others have plans"},
		homes:  []string{"in the third burrow on the left, Green Hill", "during the great cheese fair of Ottle", "in a waggon, between two songs"},
		names:  []string{"andry", "bramble", "callie", "corrin", "dandel", "eldon", "fennel", "garret", "jillian", "kithri", "lavinia", "lyle", "merric", "nedda", "osborn", "paela", "perrin", "poppy", "rosmer", "seraphina", "verna", "wellby"}},
	{name: "Orc of the plains", grown: 14, gifts: map[int]int{strength: 2, endurance: 1}, languages: []string{"Horsetongue"},
		traits: []string{"Gets up again once", "Smells rain a day ahead", "Sings before a fight, and after it"},
		homes:  []string{"in the saddle, as the family likes to tell", "in the winter camp at the Red River", "between two thunderstorms on the high plain"},
		names:  []string{"argha", "baggi", "drogha", "emen", "feng", "grashna", "holg", "imsha", "karguk", "krusk", "maugra", "mhurren", "neega", "oruk", "ovak", "rontar", "shautha", "sutha", "tharga", "urzana", "volen", "yevelda"}},
	{name: "Lantern gnome", grown: 35, gifts: map[int]int{reason: 2, insight: 1}, languages: []string{"Tickspeech", "Deepspeech"},
		traits: []string{"Talks to foxes, who do not always answer", "Can mend what has a spring in it", "Keeps a list of everything"},
		homes:  []string{"in the clock tower of Brass", "among eleven sisters, each with a workshop", "in a lighthouse far from any sea"},
		names:  []string{"alston", "bimpnottin", "boddynock", "breena", "caramip", "dimble", "ellyjobell", "fonkin", "gerbo", "gimble", "loopmottin", "mardnab", "nissa", "nyx", "orryn", "roondar", "seebo", "shamil", "tana", "warryn", "wrenn", "zook"}},
}

type background struct {
	name   string
	skills []string
	keeps  string
	wishes []string
	youth  []string
}

func (b background) called() string { return b.name }

var backgrounds = []background{
	{"archivist", []string{"lore", "languages"}, "a key that fits no door so far", []string{"find the door to an old key", "read the one book that was forbidden"}, []string{"The first word was a footnote.", "There were more books than neighbours, and they were kinder."}},
	{"smuggler", []string{"stealth", "seafaring"}, "a coin with two tails", []string{"pay back what was never quite stolen", "own a ship that nobody looks for"}, []string{"The nights were for work, and the days for not being found.", "Every cellar in town was a room of the same house."}},
	{"shepherd", []string{"beasts", "weather"}, "a whistle that every dog obeys", []string{"bring the flock over the pass once more", "learn what took the sheep that winter"}, []string{"There was nobody to talk to but the wind, which answered.", "Counting came before speaking."}},
	{"temple novice", []string{"healing", "lore"}, "a candle that has not burned down yet", []string{"ask the god one question", "build a house where no one is turned away"}, []string{"The bells said when to rise, to eat and to wonder.", "There were four hundred steps, and all of them had to be swept."}},
	{"court fool", []string{"performance", "persuasion"}, "a bell from a burnt cap", []string{"make a queen laugh who has sworn not to", "say the truth once and be believed"}, []string{"Falling came first; falling well took years.", "Whoever laughs does not look at your hands."}},
	{"soldier", []string{"arms", "endurance"}, "a button of a coat that was left behind", []string{"find those who came back another way", "never again take an order"}, []string{"The drum was heard long before it was seen.", "Marching was easy; arriving was not."}},
	{"clockmaker's apprentice", []string{"tinkering", "perception"}, "a watch that runs backwards", []string{"finish the machine that the master began", "hear the hour that no clock strikes"}, []string{"Everything could be taken apart, and most of it put together again.", "Time was what lay on the bench."}},
}

type calling struct {
	name          string
	first, second int // the abilities that it needs
	hitDie        int
	armor         int
	mostAgility   int // the armor limits it
	skills        []string
	gear          []string
	lesson        string
}

func (c calling) called() string { return c.name }

var callings = []calling{
	{"guardian", strength, endurance, 12, 16, 0, []string{"arms", "athletics", "endurance", "perception", "weather"}, []string{"a shield with a dent", "a heavy axe"}, "where to stand so that others can run"},
	{"ranger", agility, insight, 10, 12, 4, []string{"beasts", "perception", "stealth", "weather", "athletics"}, []string{"a yew bow", "a cloak the colour of last year's leaves"}, "that the forest is listening"},
	{"thief", agility, reason, 8, 12, 5, []string{"stealth", "tinkering", "perception", "persuasion", "athletics"}, []string{"a set of picks", "soft shoes"}, "that the best lock is the one nobody thinks about"},
	{"wizard", reason, insight, 6, 10, 5, []string{"lore", "languages", "tinkering", "perception"}, []string{"a book with one page missing", "a staff of black ash"}, "that a word too many is worse than a word too few"},
	{"healer", insight, presence, 8, 13, 2, []string{"healing", "lore", "beasts", "persuasion", "weather"}, []string{"a bag of herbs", "a needle of silver"}, "to ask where it hurts, and to wait for the answer"},
	{"bard", presence, agility, 8, 11, 4, []string{"performance", "persuasion", "languages", "lore", "seafaring"}, []string{"a lute with a foreign string", "a hat with a feather"}, "that a song ends before it is over"},
	{"captain", presence, strength, 10, 15, 1, []string{"persuasion", "seafaring", "arms", "athletics", "weather"}, []string{"a sabre", "a chart with an island that is not there"}, "never to give an order that will not be followed"},
	{"brawler", endurance, strength, 12, 12, 3, []string{"athletics", "endurance", "arms", "performance"}, []string{"bandages for the hands", "a belt from a champion"}, "that the second to fall has won"},
}

var skillAbility = map[string]int{
	"arms": strength, "athletics": strength, "beasts": insight, "endurance": endurance, "healing": insight, "languages": reason,
	"lore": reason, "perception": insight, "performance": presence, "persuasion": presence, "seafaring": agility,
	"stealth": agility, "tinkering": reason, "weather": insight,
}

var skillDeeds = map[string]string{
	"arms": "blades and blunt things", "athletics": "climbing what should not be climbed", "beasts": "calming an angry bull",
	"endurance": "walking through the night", "healing": "setting a bone", "languages": "arguing with strangers",
	"lore": "knowing which king came after which", "perception": "hearing what was whispered", "performance": "holding a room",
	"persuasion": "getting a second helping", "seafaring": "bringing a boat home", "stealth": "not being there",
	"tinkering": "mending clocks and doors", "weather": "knowing when it would snow",
}

var praise = [6]string{
	"A cart that had sunk to its axles was lifted out before the ox had been fetched.",
	"A cup that fell from the table never reached the floor.",
	"Three fevers came through that year and each went away again disappointed.",
	"A riddle that had stood over the town gate for a century was answered at breakfast.",
	"Liars took to crossing the street.",
	"People found themselves agreeing, and wondered later to what.",
}

var blame = [6]string{"lifting anything", "dancing", "getting through a winter without a cough", "sums", "telling a friend from a flatterer", "speaking up"}

var (
	shrugs     = []string{"nobody was unkind enough to mention it twice.", "a good sister made up for that.", "there are always others for such things."}
	places     = []string{"in the city of Seven Gates", "at the edge of the salt marsh", "beyond the pass of Aun", "in the free port of Vesk", "among the ruins of Old Harrow"}
	companions = []string{"a retired giant by the name of Pim", "an old woman with a wooden hand", "a deserter who never said from what", "the ghost of a schoolmaster", "a queen in exile who was bad at hiding it"}
	rivals     = []string{"a cousin with better manners", "the guild's second secretary", "an officer of the toll", "the twin who had stayed at home"}
	omens      = []string{"of the two harvests", "when the river ran backwards for a day", "of the silent bells", "after the comet", "in which nobody was king"}
	turns      = []string{"the well gave salt water", "a letter came for somebody who had been dead for years", "the tax was doubled, and then doubled again", "a stranger paid for bread with a star sapphire", "the old road opened up"}
	partings   = []string{"There was a quarrel, and then there was an empty bed.", "The family waved for as long as there was anything to wave at.", "It was to be for a month.", "Nobody said that it was for good, and everybody packed as if it were."}
	hardships  = []string{"The money went first, then the horse, then the good opinion of innkeepers.", "There was a trial, in which nothing was proved and everything believed.", "Snow closed the pass, and bread cost what gold does.", "A fire took the house, and the rain came an hour late."}
	rumours    = []string{"They say that a lamp burns in the window until dawn.", "In three taverns there is a song about it, and two of them get the ending wrong.", "Children play at it in the street and quarrel over who may be the hero.", "The guild's second secretary has begun to take notes."}
	endings    = []string{"The boots are greased, and the door is not locked.", "Tomorrow, if the weather holds.", "What happens next is up to you.", "There is a knock at the door."}
	hair       = []string{"copper", "raven", "ash-grey", "straw-coloured", "close-cropped", "braided", "snow-white"}
	eyes       = []string{"grey", "amber", "sea-green", "dark", "mismatched", "pale blue"}
	marks      = []string{"a scar across one eyebrow", "ink on every finger", "a ring in the left ear", "a burn on the right hand", "freckles like a map of stars", "a broken nose that healed almost straight"}
	airs       = []string{"a smile that comes late and stays", "the habit of standing near doors", "a voice lower than expected", "the patience of someone who has waited before"}
)
