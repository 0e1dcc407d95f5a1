package sample

// culture is a list of given and family names of the same culture, each with its form in an email address.
type culture struct {
	given, family []name
	// familyFirst reports whether the family name is written first. joined is the text between the two names.
	familyFirst bool
	joined      string
	dialing     string
}

type name struct{ shown, ascii string }

var cultures = []culture{
	{joined: " ", dialing: "+44", given: []name{{"Alice", "alice"}, {"Oliver", "oliver"}, {"Harriet", "harriet"}, {"George", "george"}, {"Imogen", "imogen"}, {"Callum", "callum"}, {"Niamh", "niamh"}, {"Rhys", "rhys"}},
		family: []name{{"Smith", "smith"}, {"O'Brien", "obrien"}, {"Taylor-Jones", "taylor-jones"}, {"MacLeod", "macleod"}, {"Whitaker", "whitaker"}, {"Llewellyn", "llewellyn"}, {"Ashworth", "ashworth"}, {"Ng", "ng"}}},
	{joined: " ", dialing: "+49", given: []name{{"Jürgen", "juergen"}, {"Käthe", "kaethe"}, {"Lukas", "lukas"}, {"Heike", "heike"}, {"Björn", "bjoern"}, {"Anneliese", "anneliese"}, {"Matthias", "matthias"}, {"Sophie", "sophie"}},
		family: []name{{"Müller", "mueller"}, {"Groß", "gross"}, {"von der Heide", "vonderheide"}, {"Schäfer", "schaefer"}, {"Weißmann", "weissmann"}, {"Köhler", "koehler"}, {"Bauer", "bauer"}, {"Jäger", "jaeger"}}},
	{joined: " ", dialing: "+33", given: []name{{"Élodie", "elodie"}, {"François", "francois"}, {"Maëlle", "maelle"}, {"Jean-Luc", "jean-luc"}, {"Noémie", "noemie"}, {"Théo", "theo"}, {"Anaïs", "anais"}, {"Gaëtan", "gaetan"}},
		family: []name{{"Lefèvre", "lefevre"}, {"D'Artois", "dartois"}, {"Bézier", "bezier"}, {"Châtelain", "chatelain"}, {"Moreau", "moreau"}, {"Garçon", "garcon"}, {"Le Goff", "legoff"}, {"Nuñez-Roux", "nunez-roux"}}},
	{joined: " ", dialing: "+34", given: []name{{"Íñigo", "inigo"}, {"María José", "mariajose"}, {"Begoña", "begona"}, {"Andrés", "andres"}, {"Lucía", "lucia"}, {"Raúl", "raul"}, {"Núria", "nuria"}, {"Joaquín", "joaquin"}},
		family: []name{{"García Márquez", "garciamarquez"}, {"Peña", "pena"}, {"Ibáñez", "ibanez"}, {"Muñoz", "munoz"}, {"Sánchez", "sanchez"}, {"Güell", "guell"}, {"Domínguez", "dominguez"}, {"Etxeberria", "etxeberria"}}},
	{joined: " ", dialing: "+55", given: []name{{"João", "joao"}, {"Conceição", "conceicao"}, {"Luís", "luis"}, {"Inês", "ines"}, {"Thiago", "thiago"}, {"Ângela", "angela"}, {"Vinícius", "vinicius"}, {"Letícia", "leticia"}},
		family: []name{{"da Conceição", "daconceicao"}, {"Araújo", "araujo"}, {"Gonçalves", "goncalves"}, {"dos Santos", "dossantos"}, {"Magalhães", "magalhaes"}, {"Simões", "simoes"}, {"Falcão", "falcao"}, {"Ribeiro", "ribeiro"}}},
	{joined: " ", dialing: "+48", given: []name{{"Łukasz", "lukasz"}, {"Małgorzata", "malgorzata"}, {"Zofia", "zofia"}, {"Grzegorz", "grzegorz"}, {"Jędrzej", "jedrzej"}, {"Bożena", "bozena"}, {"Stanisław", "stanislaw"}, {"Agnieszka", "agnieszka"}},
		family: []name{{"Wójcik", "wojcik"}, {"Brzęczyszczykiewicz", "brzeczyszczykiewicz"}, {"Kowalska", "kowalska"}, {"Żak", "zak"}, {"Dąbrowski", "dabrowski"}, {"Szczepański", "szczepanski"}, {"Gołąb", "golab"}, {"Nowak", "nowak"}}},
	{joined: " ", dialing: "+420", given: []name{{"Jiří", "jiri"}, {"Věra", "vera"}, {"Ondřej", "ondrej"}, {"Zdeňka", "zdenka"}, {"Tomáš", "tomas"}, {"Božena", "bozena"}, {"Luboš", "lubos"}, {"Žofie", "zofie"}},
		family: []name{{"Dvořák", "dvorak"}, {"Nováková", "novakova"}, {"Šťastný", "stastny"}, {"Růžičková", "ruzickova"}, {"Kučera", "kucera"}, {"Čapek", "capek"}, {"Hrubý", "hruby"}, {"Křížová", "krizova"}}},
	{joined: " ", dialing: "+36", familyFirst: true, given: []name{{"Győző", "gyozo"}, {"Enikő", "eniko"}, {"László", "laszlo"}, {"Ágnes", "agnes"}, {"Zsófia", "zsofia"}, {"Botond", "botond"}, {"Réka", "reka"}, {"Gergő", "gergo"}},
		family: []name{{"Szűcs", "szucs"}, {"Kővári", "kovari"}, {"Nagy", "nagy"}, {"Horváth", "horvath"}, {"Fekete", "fekete"}, {"Vörös", "voros"}, {"Takács", "takacs"}, {"Őri", "ori"}}},
	{joined: " ", dialing: "+90", given: []name{{"Çağla", "cagla"}, {"İbrahim", "ibrahim"}, {"Gülşen", "gulsen"}, {"Ömer", "omer"}, {"Şebnem", "sebnem"}, {"Uğur", "ugur"}, {"Işıl", "isil"}, {"Yağmur", "yagmur"}},
		family: []name{{"Yıldırım", "yildirim"}, {"Öztürk", "ozturk"}, {"Çelik", "celik"}, {"Şahin", "sahin"}, {"Kılıç", "kilic"}, {"Aydoğan", "aydogan"}, {"Güneş", "gunes"}, {"Ünal", "unal"}}},
	{joined: " ", dialing: "+30", given: []name{{"Ελένη", "eleni"}, {"Γιώργος", "giorgos"}, {"Κατερίνα", "katerina"}, {"Δημήτρης", "dimitris"}, {"Σοφία", "sofia"}, {"Νίκος", "nikos"}, {"Αθηνά", "athina"}, {"Θανάσης", "thanasis"}},
		family: []name{{"Παπαδόπουλος", "papadopoulos"}, {"Οικονόμου", "oikonomou"}, {"Βλάχος", "vlachos"}, {"Καραγιάννη", "karagianni"}, {"Μακρής", "makris"}, {"Δήμου", "dimou"}, {"Ζαφείρη", "zafeiri"}, {"Αγγέλου", "angelou"}}},
	{joined: " ", dialing: "+380", given: []name{{"Олена", "olena"}, {"Тарас", "taras"}, {"Іванна", "ivanna"}, {"Богдан", "bohdan"}, {"Ганна", "hanna"}, {"Юрій", "yurii"}, {"Ярослава", "yaroslava"}, {"Євген", "yevhen"}},
		family: []name{{"Шевченко", "shevchenko"}, {"Ковальчук", "kovalchuk"}, {"Щербань", "shcherban"}, {"Гриценко", "hrytsenko"}, {"Мельник", "melnyk"}, {"Бойко", "boiko"}, {"Коцюбинська", "kotsiubynska"}, {"Лисенко", "lysenko"}}},
	{joined: " ", dialing: "+995", given: []name{{"ნინო", "nino"}, {"გიორგი", "giorgi"}, {"თამარ", "tamar"}, {"ლევან", "levan"}, {"ქეთევან", "ketevan"}, {"ირაკლი", "irakli"}, {"მარიამ", "mariam"}, {"ზურაბ", "zurab"}},
		family: []name{{"ბერიძე", "beridze"}, {"კაპანაძე", "kapanadze"}, {"ლომიძე", "lomidze"}, {"გელაშვილი", "gelashvili"}, {"წიკლაური", "tsiklauri"}, {"ჯაფარიძე", "japaridze"}, {"მაისურაძე", "maisuradze"}, {"ხუციშვილი", "khutsishvili"}}},
	{joined: " ", dialing: "+20", given: []name{{"فاطمة", "fatima"}, {"يوسف", "youssef"}, {"مريم", "mariam"}, {"أحمد", "ahmed"}, {"نور", "nour"}, {"خالد", "khaled"}, {"ليلى", "layla"}, {"عمر", "omar"}},
		family: []name{{"الشريف", "elsherif"}, {"حسن", "hassan"}, {"عبد الله", "abdallah"}, {"المصري", "elmasry"}, {"منصور", "mansour"}, {"سليمان", "soliman"}, {"النجار", "elnaggar"}, {"عثمان", "othman"}}},
	{joined: " ", dialing: "+972", given: []name{{"נועה", "noa"}, {"איתי", "itai"}, {"שירה", "shira"}, {"דוד", "david"}, {"תמר", "tamar"}, {"יוסף", "yosef"}, {"מיכל", "michal"}, {"אורי", "ori"}},
		family: []name{{"כהן", "cohen"}, {"לוי", "levi"}, {"מזרחי", "mizrahi"}, {"פרץ", "peretz"}, {"ביטון", "biton"}, {"אברהם", "avraham"}, {"פרידמן", "friedman"}, {"שפירא", "shapira"}}},
	{joined: " ", dialing: "+91", given: []name{{"आरती", "aarti"}, {"विक्रम", "vikram"}, {"प्रिया", "priya"}, {"अर्जुन", "arjun"}, {"काव्या", "kavya"}, {"रोहन", "rohan"}, {"लक्ष्मी", "lakshmi"}, {"सिद्धार्थ", "siddharth"}},
		family: []name{{"शर्मा", "sharma"}, {"अय्यर", "iyer"}, {"पटेल", "patel"}, {"चट्टोपाध्याय", "chattopadhyay"}, {"सिंह", "singh"}, {"देशपांडे", "deshpande"}, {"नायर", "nair"}, {"गुप्ता", "gupta"}}},
	{joined: "", dialing: "+86", familyFirst: true, given: []name{{"伟", "wei"}, {"秀英", "xiuying"}, {"子涵", "zihan"}, {"建国", "jianguo"}, {"思琪", "siqi"}, {"浩然", "haoran"}, {"丽", "li"}, {"宇轩", "yuxuan"}},
		family: []name{{"王", "wang"}, {"李", "li"}, {"张", "zhang"}, {"欧阳", "ouyang"}, {"陈", "chen"}, {"赵", "zhao"}, {"周", "zhou"}, {"𠮷", "ji"}}},
	{joined: " ", dialing: "+81", familyFirst: true, given: []name{{"さくら", "sakura"}, {"健太", "kenta"}, {"美咲", "misaki"}, {"翔太", "shota"}, {"陽子", "yoko"}, {"大輔", "daisuke"}, {"結衣", "yui"}, {"ジョン", "john"}},
		family: []name{{"佐藤", "sato"}, {"髙橋", "takahashi"}, {"渡邊", "watanabe"}, {"山﨑", "yamazaki"}, {"鈴木", "suzuki"}, {"小林", "kobayashi"}, {"中村", "nakamura"}, {"伊藤", "ito"}}},
	{joined: "", dialing: "+82", familyFirst: true, given: []name{{"민준", "minjun"}, {"서연", "seoyeon"}, {"지훈", "jihoon"}, {"하은", "haeun"}, {"도윤", "doyun"}, {"수빈", "subin"}, {"현우", "hyunwoo"}, {"예진", "yejin"}},
		family: []name{{"김", "kim"}, {"이", "lee"}, {"박", "park"}, {"최", "choi"}, {"정", "jung"}, {"황보", "hwangbo"}, {"윤", "yoon"}, {"한", "han"}}},
	{joined: " ", dialing: "+84", familyFirst: true, given: []name{{"Thị Hồng", "thihong"}, {"Văn Đức", "vanduc"}, {"Quỳnh", "quynh"}, {"Minh Tuấn", "minhtuan"}, {"Ngọc Ánh", "ngocanh"}, {"Hữu Phước", "huuphuoc"}, {"Thảo", "thao"}, {"Bảo", "bao"}},
		family: []name{{"Nguyễn", "nguyen"}, {"Trần", "tran"}, {"Lê", "le"}, {"Phạm", "pham"}, {"Đặng", "dang"}, {"Võ", "vo"}, {"Bùi", "bui"}, {"Huỳnh", "huynh"}}},
	{joined: " ", dialing: "+234", given: []name{{"Chinọnyẹrẹm", "chinonyerem"}, {"Adébáyọ̀", "adebayo"}, {"Ngozi", "ngozi"}, {"Olúwaṣeun", "oluwaseun"}, {"Amina", "amina"}, {"Emeka", "emeka"}, {"Fọláṣadé", "folasade"}, {"Ibrahim", "ibrahim"}},
		family: []name{{"Okafor", "okafor"}, {"Adéyẹmí", "adeyemi"}, {"Balogun", "balogun"}, {"Ọláyínká", "olayinka"}, {"Eze", "eze"}, {"Abubakar", "abubakar"}, {"Nwosu", "nwosu"}, {"Ogunbanjo", "ogunbanjo"}}},
}

// towns are the locations of areas, with their countries (ISO 3166-1 alpha-2).
var towns = []struct{ name, country string }{
	{"Greater Manchester", "GB"}, {"Nordrhein-Westfalen", "DE"}, {"Île-de-France", "FR"}, {"País Vasco", "ES"}, {"São Paulo", "BR"}, {"Małopolska", "PL"}, {"Jihomoravský kraj", "CZ"}, {"Győr-Moson-Sopron", "HU"},
	{"İzmir", "TR"}, {"Αττική", "GR"}, {"Львівська область", "UA"}, {"თბილისი", "GE"}, {"القاهرة", "EG"}, {"חיפה", "IL"}, {"Maharashtra · महाराष्ट्र", "IN"}, {"广东", "CN"}, {"北海道", "JP"}, {"부산", "KR"}, {"Đà Nẵng", "VN"}, {"Ọ̀yọ́", "NG"},
	{"Québec", "CA"}, {"New South Wales", "AU"}, {"Skåne", "SE"}, {"Østfold", "NO"}, {"Uusimaa", "FI"}, {"Reykjavík", "IS"}, {"Valais / Wallis", "CH"}, {"Tirol", "AT"}, {"Emilia-Romagna", "IT"}, {"Noord-Brabant", "NL"},
	{"Liège", "BE"}, {"Córdoba", "AR"}, {"Valparaíso", "CL"}, {"Yucatán", "MX"}, {"Gauteng", "ZA"}, {"Nairobi", "KE"}, {"Addis Ababa · አዲስ አበባ", "ET"}, {"Canterbury / Waitaha", "NZ"}, {"Jawa Barat", "ID"}, {"Texas", "US"},
}

// functions are the functions of departments.
var functions = []string{
	"Accounting", "Research & Development", "Maintenance", "Human Resources", "Logistics", "Quality <QA>", "Purchasing", "Customer Care", "Legal", "IT Operations", "Sales", "Marketing",
	"Production", "Warehouse", "Fleet", "Security", "Training", "Facilities", "Planning", "Health & Safety",
}

// Designations are combinations of jobs and levels.
var (
	jobs   = []string{"Accountant", "Engineer", "Technician", "Planner", "Buyer", "Analyst", "Driver", "Nurse", "Electrician", "Welder", "Designer", "Clerk", "Auditor", "Chemist", "Fitter", "Operator", "Trainer", "Inspector", "Developer", "Dispatcher"}
	levels = []string{"Trainee", "Junior", "Assistant", "Associate", "", "Senior", "Lead", "Principal", "Chief", "Head", "Deputy", "Regional", "Night", "Field", "Staff", "Group", "Site", "Acting", "Visiting", "Interim"}
)
