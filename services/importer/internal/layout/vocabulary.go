package layout

// totalWords are the words for a total, in lower case, in many languages.
var totalWords = []string{
	"total", "totals", "grand total", "subtotal", "subtotals", "sub-total", "sub total", "sum", "overall total", "total sum",
	"summe", "gesamt", "gesamtsumme", "zwischensumme", "endsumme", "insgesamt", "ergebnis", "gesamtergebnis", "teilergebnis",
	"somme", "sous-total", "total général", "totaux", "ensemble",
	"suma", "suma total", "total general", "subtotales", "totale", "totali", "totale generale", "subtotale", "somma",
	"totaal", "subtotaal", "eindtotaal", "totalt", "delsumma", "summa", "i alt", "sum totalt", "yhteensä", "välisumma",
	"razem", "suma częściowa", "łącznie", "celkem", "mezisoučet", "celkom", "összesen", "részösszeg", "ukupno", "skupaj",
	"kokku", "vahesumma", "kopā", "iš viso", "samtals", "jumla", "jumlah", "kabuuan", "guztira", "cyfanswm", "toplam", "genel toplam", "ara toplam", "σύνολο", "итого", "всего", "промежуточный итог", "разом", "усього", "общо",
	"합계", "총계", "소계", "合计", "总计", "小计", "合計", "總計", "総計", "小計", "المجموع", "مجموع", "جمع کل", "ჯამი", "الإجمالي", "סה\"כ", "รวม", "कुल", "tổng", "tổng cộng", "σ", "∑",
}

// averageWords are the labels of rows with averages. Those of weakAverageWords are also names of departments, sizes, or grades.
var (
	averageWords = []string{
		"average", "averages", "avg", "avg.", "ø", "⌀", "∅", "durchschnitt", "durchschnittswert", "durchschn.", "mittelwert", "mittelwerte", "moyenne", "moyennes", "promedio", "promedios",
		"gemiddelde", "genomsnitt", "medelvärde", "gjennomsnitt", "gennemsnit", "keskiarvo", "średnia", "průměr", "priemer", "átlag", "prosjek", "povprečje", "ortalama", "μέσος όρος",
		"среднее", "среднее значение", "середнє", "평균", "平均", "平均值", "平均値", "المتوسط", "ממוצע", "औसत", "ค่าเฉลี่ย", "trung bình",
	}
	weakAverageWords = []string{"mean", "mittel", "schnitt", "media", "média", "medel"}
)

// smallestWords and largestWords are the labels of rows with extremes. "Min" and "Max" are missing, because they are also names of people.
var (
	smallestWords = []string{"minimum", "minimalwert", "mindestwert", "kleinster wert", "mínimo", "mínima", "minimo", "минимум", "최소", "最小", "最小值", "最小値"}
	largestWords  = []string{"maximum", "maximalwert", "höchstwert", "größter wert", "máximo", "máxima", "massimo", "максимум", "최대", "最大", "最大值", "最大値"}
)

// countLabels are the labels of rows with counts.
var countLabels = []string{"count", "anzahl", "aantal", "antal", "ilość", "количество"}

// otherStatisticWords are the labels of rows with other statistics.
var otherStatisticWords = []string{"median", "standard deviation", "std dev", "std. dev.", "stdev", "standardabweichung", "médiane", "écart type", "écart-type", "mediana", "mediaan", "медиана", "中央値", "中位数"}

// comparisonWords are the labels of rows that compare other rows.
var comparisonWords = []string{
	"difference", "differences", "variance", "deviation", "change %", "change (%)", "% change", "change in %", "percent change", "percentage change", "remaining", "year over year", "year-over-year", "yoy",
	"differenz", "abweichung", "veränderung", "verbleibend", "restbetrag", "restbudget",
	"écart", "différence", "variation", "restant", "diferencia", "variación", "restante", "diferença", "variação", "differenza", "scostamento", "variazione", "rimanente",
	"verschil", "afwijking", "resterend", "skillnad", "avvikelse", "återstående", "forskel", "afvigelse", "avvik", "różnica", "odchylenie", "pozostało", "rozdíl", "odchylka", "zbývá",
	"разница", "отклонение", "изменение", "остаток", "差額", "差異", "残り", "差额", "差异", "剩余", "차이", "차액", "잔액",
}

// summaryWords are the labels of other rows below a total. They are also names, so they count only with more evidence.
var summaryWords = []string{
	"budget", "target", "plan", "planned", "actual", "actuals", "forecast", "goal", "balance", "opening balance", "closing balance", "carried forward",
	"previous year", "prior year", "last year", "previous month", "last month", "previous period", "vat", "tax", "sales tax", "net", "gross", "headcount", "percent", "percentage", "in %", "%", "in percent",
	"starting balance", "ending balance", "previous balance", "new balance", "current balance", "available balance", "account balance",
	"balance carried forward", "anfangssaldo", "endsaldo", "schlusssaldo", "anfangsbestand", "endbestand", "kontostand",
	"alter kontostand", "neuer kontostand", "solde initial", "solde final", "ancien solde", "nouveau solde", "saldo inicial", "saldo final",
	"saldo anterior", "saldo iniziale", "saldo finale", "beginsaldo", "eindsaldo", "ingående saldo", "utgående saldo", "saldo początkowe", "saldo końcowe",
	"počáteční zůstatek", "konečný zůstatek", "начальный остаток", "конечный остаток", "входящий остаток", "исходящий остаток",
	"share", "change", "delta", "δ", "growth", "growth rate", "weighted average", "rest", "remainder",
	"soll", "ist", "ziel", "prognose", "saldo", "übertrag", "vorjahr", "vormonat", "mwst", "mwst.", "ust", "ust.", "steuer", "netto", "brutto", "prozent", "anteil", "änderung", "wachstum",
	"solde", "à reporter", "objectif", "prévu", "réalisé", "année précédente", "tva", "brut", "en %", "reste", "presupuesto", "objetivo", "real", "año anterior", "iva", "neto", "bruto", "resto",
	"obiettivo", "anno precedente", "lordo", "doel", "begroting", "vorig jaar", "btw", "план", "факт", "бюджет", "баланс", "сальдо", "ндс", "予算", "実績", "前年", "预算", "实际", "余额", "목표", "예산",
}

// footerWords begin a footer or a note.
var footerWords = []string{
	"copyright", "©", "(c) ", "confidential", "strictly confidential", "for internal use", "internal use only", "vertraulich", "confidentiel", "confidencial", "riservato", //nolint:misspell // French
	"report generated", "generated on", "generated by", "generated at", "generated:", "created on", "created by", "created at", "printed on", "printed by", "exported on", "exported by", "exported from", "report date", "report run", "run date", "as of date",
	"erstellt am", "erstellt von", "gedruckt am", "exportiert am", "généré le", "imprimé le", "generado el", "impreso el", "generato il",
	"end of report", "end of list", "end of file", "end of data", "end of document", "end of table", "*** end", "--- end", "-- end", "ende der liste", "ende des berichts", "fin du rapport",
	"prepared by", "prepared on", "approved by", "approved on", "checked by", "reviewed by", "signed by", "submitted by", "compiled by", "date:", "datum:", "stand:", "fecha:",
	"signature:", "signature _", "unterschrift:", "unterschrift _", "firma:", "gezeichnet:", "geprüft von", "freigegeben von", "genehmigt von",
	"source:", "quelle:", "note:", "notes:", "nb:", "n.b.", "remark:", "remarks:", "disclaimer", "legend:", "legende:", "hinweis:", "anmerkung:", "remarque", "nota:",
	"applied filters", "filters applied", "filters:", "filter:", "last updated", "last refresh", "last modified", "data as of", "downloaded on", "downloaded from", "printed:", "created:", "exported:", "continued on", "(continued",
	"angewendete filter", "zuletzt aktualisiert", "letzte aktualisierung", "aktualisiert am", "fortsetzung auf", "filtres appliqués", "filtros aplicados", "mis à jour le",
	"* required", "* mandatory", "* pflicht", "all rights reserved",
}

// countPhrases begin a row with the number of records, if it has a number.
var countPhrases = []string{"number of ", "no. of ", "count of ", "anzahl ", "nombre de ", "nombre d'", "número de ", "numero di ", "aantal ", "liczba ", "počet ", "количество ", "число "}

// rowWords mean the rows of a table. countWords can be next to them, as in "(3 rows affected)" and "Showing 1 to 3 of 3 entries".
var (
	rowWords = wordSet(`row rows record records entry entries result results item items line lines zeile zeilen datensatz datensätze eintrag einträge
	ligne lignes enregistrement enregistrements fila filas registro registros riga righe rij rijen rad rader строк строки записей записи`)
	countWords = wordSet(`affected selected returned found total exported in set sec showing to of from all insgesamt gefunden von bis au sur de del di van`)
)

// endWords mean the end of the data, if a row has nothing else.
var endWords = []string{"end", "eof", "ende", "fin", "fim", "fine"}

// footnoteMarks begin a footnote, if a row has nothing else.
var footnoteMarks = []string{"* ", "** ", "† ", "‡ "}

// exampleWords are the keys of an example below the headers.
var exampleWords = []string{"example", "sample", "beispiel", "muster", "exemple", "ejemplo", "exemplo", "esempio", "voorbeeld", "przykład", "пример", "例"} //nolint:misspell // French

// pageWords mean a page.
var pageWords = []string{"page", "seite", "página", "pagina", "strona", "стр.", "страница"}

// hintWords are the words of which explanations of columns consist.
var hintWords = wordSet(`text free string varchar char number numeric integer int decimal float whole date time datetime timestamp
	boolean bool yes no true false y n required optional mandatory unique key max min maximum minimum chars characters char digits letters
	length format list value values allowed one of from dropdown select choose enter email phone mail e g eg ie example or and to up only
	must be not empty blank a an the field column yyyy yy mm dd hh ss iso code pflicht pflichtfeld zahl ganzzahl dezimalzahl datum uhrzeit
	ja nein freitext zeichen beispiel z b tt jjjj oder texte nombre obligatoire facultatif entier oui non date heure obligatorio opcional
	texto fecha numero número entero sí testo numero data obbligatorio facoltativo tekst getal datum verplicht optioneel`)

// ruleWords are the hintWords that are rarely a value.
var ruleWords = wordSet(`required optional mandatory max min maximum minimum chars characters format example yyyy jjjj free pflicht pflichtfeld
	freitext zeichen beispiel obligatoire facultatif obligatorio opcional obbligatorio facoltativo verplicht optioneel string varchar integer
	decimal datetime boolean numeric ganzzahl dezimalzahl`)

// hintPrefixes introduce an example.
var hintPrefixes = []string{"e.g.", "e. g.", "eg:", "ex:", "ex.:", "example:", "for example", "z.b.", "z. b.", "zb:", "beispiel:", "p.ex.", "p. ex.", "par ex", "exemple", "ejemplo:", "p. ej.", "esempio:", "bijv."} //nolint:misspell // French
