package locale

import "strings"

// language has the names of its months in lower case, without points: for each month the forms that occur in dates.
type language struct {
	name   string
	months map[string]int
}

// languages are those whose months are known. A column is in one of them, so a name that means different months in two
// languages is not a problem.
var languages = func() []language {
	var list []language
	for _, l := range []struct{ name, months string }{
		{"en", "january jan; february feb; march mar; april apr; may; june jun; july jul; august aug; september sep sept; october oct; november nov; december dec"},
		{"de", "januar jänner jan jän; februar feb feber; märz mär mrz mar; april apr; mai; juni jun; juli jul; august aug; september sep sept; oktober okt; november nov; dezember dez"},
		{"fr", "janvier janv jan; février févr fév fevr; mars mar; avril avr; mai; juin; juillet juil; août aout; septembre sept sep; octobre oct; novembre nov; décembre déc dec"},
		{"es", "enero ene; febrero feb; marzo mar; abril abr; mayo may; junio jun; julio jul; agosto ago; septiembre setiembre sept sep set; octubre oct; noviembre nov; diciembre dic"},
		{"it", "gennaio gen; febbraio feb; marzo mar; aprile apr; maggio mag; giugno giu; luglio lug; agosto ago; settembre set sett; ottobre ott; novembre nov; dicembre dic"},
		{"pt", "janeiro jan; fevereiro fev; março mar marco; abril abr; maio mai; junho jun; julho jul; agosto ago; setembro set; outubro out; novembro nov; dezembro dez"},
		{"nl", "januari jan; februari feb; maart mrt mar; april apr; mei; juni jun; juli jul; augustus aug; september sep sept; oktober okt; november nov; december dec"},
		{"sv", "januari jan; februari feb; mars mar; april apr; maj; juni jun; juli jul; augusti aug; september sep sept; oktober okt; november nov; december dec"},
		{"da", "januar jan; februar feb; marts mar; april apr; maj; juni jun; juli jul; august aug; september sep sept; oktober okt; november nov; december dec"},
		{"nb", "januar jan; februar feb; mars mar; april apr; mai; juni jun; juli jul; august aug; september sep sept; oktober okt; november nov; desember des"},
		{"fi", "tammikuuta tammikuu tammik tammi; helmikuuta helmikuu helmik helmi; maaliskuuta maaliskuu maalisk maalis; huhtikuuta huhtikuu huhtik huhti; toukokuuta toukokuu toukok touko; kesäkuuta kesäkuu kesäk kesä; heinäkuuta heinäkuu heinäk heinä; elokuuta elokuu elok elo; syyskuuta syyskuu syysk syys; lokakuuta lokakuu lokak loka; marraskuuta marraskuu marrask marras; joulukuuta joulukuu jouluk joulu"},
		{"pl", "stycznia styczeń sty; lutego luty lut; marca marzec mar; kwietnia kwiecień kwi; maja maj; czerwca czerwiec cze; lipca lipiec lip; sierpnia sierpień sie; września wrzesień wrz; października październik paź; listopada listopad lis; grudnia grudzień gru"},
		{"cs", "ledna leden led; února únor úno; března březen bře; dubna duben dub; května květen kvě; června červen čvn; července červenec čvc; srpna srpen srp; září zář; října říjen říj; listopadu listopad lis; prosince prosinec pro"},
		{"sk", "januára január jan; februára február feb; marca marec mar; apríla apríl apr; mája máj; júna jún; júla júl; augusta august aug; septembra september sep; októbra október okt; novembra november nov; decembra december dec"},
		{"hu", "január jan; február febr feb; március márc; április ápr; május máj; június jún; július júl; augusztus aug; szeptember szept; október okt; november nov; december dec"},
		{"ro", "ianuarie ian; februarie feb; martie mar; aprilie apr; mai; iunie iun; iulie iul; august aug; septembrie sept sep; octombrie oct; noiembrie nov noi; decembrie dec"},
		{"bg", "януари яну; февруари фев; март мар; април апр; май; юни; юли; август авг; септември сеп септ; октомври окт; ноември ное; декември дек"},
		{"ru", "января январь янв; февраля февраль февр фев; марта март мар; апреля апрель апр; мая май; июня июнь июн; июля июль июл; августа август авг; сентября сентябрь сент сен; октября октябрь окт; ноября ноябрь нояб ноя; декабря декабрь дек"},
		{"uk", "січня січень січ; лютого лютий лют; березня березень бер; квітня квітень квіт кві; травня травень трав тра; червня червень черв чер; липня липень лип; серпня серпень серп сер; вересня вересень вер; жовтня жовтень жовт жов; листопада листопад лист лис; грудня грудень груд гру"},
		{"sr", "јануар јан januar jan; фебруар феб februar feb; март мар mart mar; април апр april apr; мај maj; јун јуни jun; јул јули jul; август авг avgust avg; септембар сеп septembar sep; октобар окт oktobar okt; новембар нов novembar nov; децембар дец decembar dec"},
		{"hr", "siječnja siječanj sij; veljače veljača velj; ožujka ožujak ožu; travnja travanj tra; svibnja svibanj svi; lipnja lipanj lip; srpnja srpanj srp; kolovoza kolovoz kol; rujna rujan ruj; listopada listopad lis; studenoga studenog studeni stu; prosinca prosinac pro"},
		{"sl", "januar januarja jan; februar februarja feb; marec marca mar; april aprila apr; maj maja; junij junija jun; julij julija jul; avgust avgusta avg; september septembra sep sept; oktober oktobra okt; november novembra nov; december decembra dec"},
		{"lt", "sausio sausis saus; vasario vasaris vas; kovo kovas kov; balandžio balandis bal; gegužės gegužė geg; birželio birželis birž; liepos liepa liep; rugpjūčio rugpjūtis rugp; rugsėjo rugsėjis rugs; spalio spalis spal; lapkričio lapkritis lapkr; gruodžio gruodis gruod"},
		{"lv", "janvāris janv; februāris febr; marts; aprīlis apr; maijs; jūnijs jūn; jūlijs jūl; augusts aug; septembris sept; oktobris okt; novembris nov; decembris dec"},
		{"et", "jaanuar jaan; veebruar veebr; märts; aprill apr; mai; juuni; juuli; august aug; september sept; oktoober okt; november nov; detsember dets"},
		{"tr", "ocak oca; şubat şub; mart mar; nisan nis; mayıs may; haziran haz; temmuz tem; ağustos ağu; eylül eyl; ekim eki; kasım kas; aralık ara"},
		{"el", "ιανουαρίου ιανουάριος ιαν; φεβρουαρίου φεβρουάριος φεβ; μαρτίου μάρτιος μαρ μαρτ; απριλίου απρίλιος απρ; μαΐου μάιος μαΐ μαι μάι μαϊ; ιουνίου ιούνιος ιουν; ιουλίου ιούλιος ιουλ; αυγούστου αύγουστος αυγ; σεπτεμβρίου σεπτέμβριος σεπ σεπτ; οκτωβρίου οκτώβριος οκτ; νοεμβρίου νοέμβριος νοε νοεμ; δεκεμβρίου δεκέμβριος δεκ"},
		{"he", "ינואר ינו בינואר בינו׳ ינו׳; פברואר פבר בפברואר פבר׳ בפבר׳; מרץ במרץ; אפריל אפר באפריל אפר׳ באפר׳; מאי במאי; יוני ביוני; יולי ביולי; אוגוסט אוג באוגוסט אוג׳ באוג׳; ספטמבר ספט בספטמבר ספט׳ בספט׳; אוקטובר אוק באוקטובר אוק׳ באוק׳; נובמבר נוב בנובמבר נוב׳ בנוב׳; דצמבר דצמ בדצמבר דצמ׳ בדצמ׳"},
		{"ar", "يناير كانون; فبراير شباط; مارس آذار; أبريل ابريل نيسان; مايو أيار; يونيو حزيران; يوليو تموز; أغسطس اغسطس آب; سبتمبر أيلول; أكتوبر اكتوبر; نوفمبر; ديسمبر"},
		{"fa", "ژانویه; فوریه; مارس; آوریل; مه; ژوئن; ژوئیه; اوت; سپتامبر; اکتبر; نوامبر; دسامبر"},
		{"hi", "जनवरी जन॰ जन; फ़रवरी फरवरी फ़र॰ फर॰; मार्च; अप्रैल अप्रै॰; मई; जून; जुलाई जुल॰; अगस्त अग॰; सितंबर सितम्बर सित॰; अक्टूबर अक्तूबर अक्टू॰; नवंबर नवम्बर नव॰; दिसंबर दिसम्बर दिस॰"},
		{"bn", "জানুয়ারি জানুয়ারী জানু; ফেব্রুয়ারি ফেব্রুয়ারী ফেব; মার্চ; এপ্রিল; মে; জুন; জুলাই; আগস্ট; সেপ্টেম্বর; অক্টোবর; নভেম্বর; ডিসেম্বর"},
		{"th", "มกราคม มค มกรา; กุมภาพันธ์ กพ; มีนาคม มีค; เมษายน เมย; พฤษภาคม พค; มิถุนายน มิย; กรกฎาคม กค; สิงหาคม สค; กันยายน กย; ตุลาคม ตค; พฤศจิกายน พย; ธันวาคม ธค"},
		{"id", "januari jan; februari feb; maret mar; april apr; mei; juni jun; juli jul; agustus agu agt; september sep; oktober okt; november nov; desember des"},
		{"ms", "januari jan; februari feb; mac; april apr; mei; jun; julai jul; ogos ogo; september sep; oktober okt; november nov; disember dis"},
		{"ca", "gener gen; febrer febr; març; abril abr; maig; juny; juliol jul; agost ag; setembre set; octubre oct; novembre nov; desembre des"},
		{"is", "janúar jan; febrúar feb; mars mar; apríl apr; maí; júní jún; júlí júl; ágúst ágú; september sep; október okt; nóvember nóv; desember des"},
		{"sw", "januari jan; februari feb; machi mac; aprili apr; mei; juni jun; julai jul; agosti ago; septemba sep; oktoba okt; novemba nov; desemba des"},
	} {
		names := map[string]int{}
		for month, forms := range strings.Split(l.months, ";") {
			for _, form := range strings.Fields(forms) {
				names[form] = month + 1
			}
		}
		list = append(list, language{l.name, names})
	}
	return list
}()

// Months returns the months that each name means, in lower case and without points, as bits: 1 << time.January. A name that
// means different months in two languages has both. Thai is left out, because its dates have years of the Buddhist calendar.
func Months() map[string]int {
	all := map[string]int{}
	for _, l := range languages {
		if l.name == "th" {
			continue
		}
		for name, month := range l.months {
			all[name] |= 1 << month
		}
	}
	return all
}

// monthNames are the names of all languages.
var monthNames = func() map[string]bool {
	all := map[string]bool{}
	for _, l := range languages {
		for name := range l.months {
			all[name] = true
		}
	}
	return all
}()

// fillers are words of dates that are neither months nor days of the week.
var fillers = setOf("de del d of the a г р m gada gads g ค ศ พ คศ พศ den le il th st nd rd er um")

func setOf(words string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}

// weekdays are the days of the week in the languages that write them often.
var weekdays = setOf("monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun " +
	"montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag mo di mi do fr sa so " +
	"lundi mardi mercredi jeudi vendredi samedi dimanche lun mar mer jeu ven sam dim " +
	"lunes martes miércoles jueves viernes sábado domingo mié jue vie sáb dom " +
	"lunedì martedì mercoledì giovedì venerdì sabato domenica gio sab " +
	"segunda terça quarta quinta sexta feira " +
	"maandag dinsdag woensdag donderdag vrijdag zaterdag zondag ma wo vr za zo " +
	"poniedziałek wtorek środa czwartek piątek sobota niedziela pon wt śr czw pt sob niedz " +
	"понедельник вторник среда четверг пятница суббота воскресенье пн вт ср чт пт сб вс")
