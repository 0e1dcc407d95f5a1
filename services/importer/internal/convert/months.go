package convert

import (
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"headway/services/importer/internal/locale"
)

// months are the names and abbreviations of months in many languages, in lower case, as names has them: those by which columns
// of dates are recognized, and those of otherMonths.
var months = func() map[string]int {
	all := names(otherMonths)
	for word, months := range locale.Months() {
		addForms(all, word, months)
	}
	return all
}()

// otherMonths are names and abbreviations that package locale lacks, among others. Listopad is November in Polish, and October
// in Croatian. Kanun is the first word of December and January in Arabic.
var otherMonths = map[int]string{
	1 << time.January: "january jan januar jänner janvier janv enero ene gennaio gen janeiro januari stycznia styczeń sty január januára leden ledna " +
		"siječanj siječnja ocak tammikuu tammikuuta ianuarie ian jaanuar sausio gener января январь янв январи януари січня січень " +
		"ιανουαρίου ιανουάριος जनवरी يناير ינואר",
	1 << time.February: "february feb februar februari février févr fév febrero febbraio fevereiro fev lutego luty lut február februára únor února " +
		"veljača veljače şubat helmikuu helmikuuta februarie veebruar vasario febrer февраля февраль фев февруари лютого лютий " +
		"φεβρουαρίου φεβρουάριος फ़रवरी फरवरी فبراير פברואר",
	1 << time.March: "march mar märz mrz mars marzo março maart mrt marts marca marzec március marec březen března ožujak ožujka mart maaliskuu " +
		"maaliskuuta martie märts kovo març maret mac марта март мар березня березень μαρτίου μάρτιος मार्च مارس מרץ",
	1 << time.April: "april apr avril avr abril abr aprile kwietnia kwiecień kwi április apríl apríla duben dubna travanj travnja nisan huhtikuu " +
		"huhtikuuta aprilie aprill balandžio апреля апрель апр април квітня квітень απριλίου απρίλιος अप्रैल أبريل إبريل אפריל",
	1 << time.May: "may mai mayo maggio mag maio mei maj maja május máj mája květen května svibanj svibnja mayıs toukokuu toukokuuta gegužės " +
		"maig мая май травня травень μαΐου μάιος मई مايو מאי",
	1 << time.June: "june jun juni juin junio giugno giu junho czerwca czerwiec június jún júna červen června lipanj lipnja haziran kesäkuu " +
		"kesäkuuta iunie iun juuni birželio juny июня июнь июн юни червня червень ιουνίου ιούνιος जून يونيو יוני",
	1 << time.July: "july jul juli juillet juil julio luglio lug julho július júl júla červenec července srpanj srpnja temmuz heinäkuu heinäkuuta " +
		"iulie iul juuli liepos juliol julai июля июль июл юли липня липень ιουλίου ιούλιος जुलाई يوليو יולי",
	1 << time.August: "august aug août aout agosto ago augustus augusti sierpnia sierpień augusztus augusta srpen srpna kolovoz kolovoza ağustos " +
		"elokuu elokuuta rugpjūčio agost agustus ogos августа август авг серпня серпень αυγούστου αύγουστος अगस्त أغسطس אוגוסט",
	1 << time.September: "september sep sept septembre septiembre settembre set setembro września wrzesień wrz szeptember septembra září rujan rujna " +
		"eylül syyskuu syyskuuta septembrie rugsėjo setembre сентября сентябрь сен септември вересня вересень σεπτεμβρίου σεπτέμβριος " +
		"सितंबर सितम्बर سبتمبر ספטמבר",
	1 << time.October: "listopad listopada october oct oktober okt octobre octubre ottobre ott outubro out październik października paź október októbra říjen října " +
		"ekim lokakuu lokakuuta octombrie oktoober spalio октября октябрь окт октомври жовтня жовтень οκτωβρίου οκτώβριος " +
		"अक्टूबर अक्तूबर أكتوبر אוקטובר",
	1 << time.November: "listopad listopada november nov novembre noviembre novembro novembra studeni studenoga kasım marraskuu marraskuuta noiembrie noi lapkričio " +
		"ноября ноябрь ноя ноември листопада νοεμβρίου νοέμβριος नवंबर नवम्बर نوفمبر נובמבר",
	1 << time.December: "december dec dezember dez décembre déc diciembre dic dicembre dezembro desember des grudnia grudzień gru decembra prosinec " +
		"prosince prosinac prosinca aralık joulukuu joulukuuta decembrie detsember gruodžio desembre disember декабря декабрь дек " +
		"декември грудня грудень δεκεμβρίου δεκέμβριος दिसंबर दिसम्बर ديسمبر كانون דצמבר",
}

// romanMonths are months in Roman numerals, as in 3.IV.2025. They are always between the day and the year.
var romanMonths = map[string]int{"i": 1 << 1, "ii": 1 << 2, "iii": 1 << 3, "iv": 1 << 4, "v": 1 << 5, "vi": 1 << 6,
	"vii": 1 << 7, "viii": 1 << 8, "ix": 1 << 9, "x": 1 << 10, "xi": 1 << 11, "xii": 1 << 12}

// weekdays are the names and abbreviations of weekdays, as names has them. An abbreviation can mean several days: "do" is
// Thursday in German, and Sunday in Italian.
var weekdays = names(map[int]string{
	1 << time.Monday: "monday mon mo montag lundi lun lu lunedì lunes segunda-feira segunda seg maandag ma mandag man måndag mån mandag " +
		"maanantai maanantaina poniedziałek pon pn pondělí po pondelok hétfő hétfőn pazartesi pzt luni понедельник пн понеділок δευτέρα " +
		"月曜日 月曜 月 星期一 周一 週一 월요일 월",
	1 << time.Tuesday: "tuesday tue tues tu dienstag di mardi mar ma martedì martes terça-feira terça ter dinsdag tirsdag tir tisdag tis ti " +
		"tiistai tiistaina wtorek wt úterý út utorok kedd kedden salı sal marți вторник вт вівторок τρίτη 火曜日 火曜 火 星期二 周二 週二 화요일 화",
	1 << time.Wednesday: "wednesday wed we mittwoch mi mercredi mer me mercoledì miércoles mié mi quarta-feira quarta qua woensdag wo wo " +
		"onsdag ons on keskiviikko keskiviikkona ke środa śr středa st streda szerda szerdán çarşamba çar miercuri среда ср середа τετάρτη " +
		"水曜日 水曜 水 星期三 周三 週三 수요일 수",
	1 << time.Thursday: "thursday thu thur thurs th donnerstag do jeudi jeu je giovedì gio jueves jue ju quinta-feira quinta qui donderdag " +
		"torsdag tor tors to torstai torstaina czwartek czw cz čtvrtek čt štvrtok csütörtök csütörtökön perşembe per joi четверг чт четвер " +
		"πέμπτη 木曜日 木曜 木 星期四 周四 週四 목요일 목",
	1 << time.Friday: "friday fri fr freitag vendredi ven ve venerdì viernes vie vi sexta-feira sexta sex vrijdag vr fredag fre " +
		"perjantai perjantaina pe piątek pt pátek pá piatok péntek pénteken cuma cum vineri пятница пт пʼятниця παρασκευή 金曜日 金曜 金 " +
		"星期五 周五 週五 금요일 금",
	1 << time.Saturday: "saturday sat sa samstag sonnabend samedi sam sabato sab sábado sáb zaterdag za lørdag lør lördag lör lauantai " +
		"lauantaina la sobota sob so sb szombat szombaton cumartesi cmt sâmbătă суббота сб субота σάββατο 土曜日 土曜 土 星期六 周六 週六 토요일 토",
	1 << time.Sunday: "sunday sun su sonntag so dimanche dim di domenica dom do domingo zondag zo søndag søn söndag sön sunnuntai sunnuntaina " +
		"niedziela niedz nd neděle ne nedeľa vasárnap pazar paz duminică воскресенье вс неділя κυριακή 日曜日 日曜 日 星期日 星期天 周日 週日 일요일 일",
})

// names returns the meanings of each word of the lists, and of its forms without accents, as bits. A word of two lists has
// both meanings.
func names(lists map[int]string) map[string]int {
	meanings := map[string]int{}
	for meaning, list := range lists {
		for _, word := range strings.Fields(list) {
			addForms(meanings, word, meaning)
		}
	}
	return meanings
}

// addForms adds meanings of a word and of its forms without accents.
func addForms(meanings map[string]int, word string, meaning int) {
	for _, form := range []string{word, withoutAccents(word), writtenOut.Replace(word)} {
		meanings[form] |= meaning
	}
}

// writtenOut replaces letters of German and Danish as people write them whose keyboards lack them.
var writtenOut = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "å", "aa", "ø", "oe")

// plainLetters replaces letters that are not an accent on another one.
var plainLetters = strings.NewReplacer("ł", "l", "ı", "i", "ø", "o", "ς", "σ")

// withoutAccents returns a word as people write it whose keyboards lack its accents.
func withoutAccents(word string) string {
	plain := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) && r < 0x370 {
			return -1
		}
		return r
	}, norm.NFD.String(word))
	return plainLetters.Replace(norm.NFC.String(plain))
}

// meaningOf returns the meanings of a word in any case.
func meaningOf(meanings map[string]int, word string) int {
	lower := strings.ToLower(word)
	if m := meanings[lower]; m != 0 {
		return m
	}
	return meanings[withoutAccents(lower)]
}
