package report

import (
	"bytes"
	"strings"
	"testing"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
)

func TestReportInGerman(t *testing.T) {
	issues := ledgerIssues()
	for i := range issues {
		if issues[i].Code != imports.ReferenceBlocked { // that one is of an earlier version, which stored the English text only
			issues[i].Says = messages.New("required", messages.Text("column", "Betrag"))
			issues[i].Message = issues[i].Says.English()
		}
	}
	im := with(ledgerImport(t, 2, 1, 6), ledgerBook(t), t, issues...)
	im.Language = messages.German
	im.RootCauses = []imports.RootCause{{Issue: issues[1], BlockedRows: 1, Message: "“1” is missing.", Says: messages.New("cause.missing",
		messages.Any("value", messages.Quote("1")), messages.Text("sheet", "Issues"),
		messages.List("waiting", messages.And, messages.Of(messages.New("cause.rows", messages.Count("n", 1), messages.Text("sheet", "Issues")))), messages.Count("blocked", 1))}}
	im.Notices = []imports.Notice{imports.NewNotice("", messages.New("notice.hidden_sheet", messages.Text("sheet", "X"))), {Message: "An old notice."}}
	im.Unused = []imports.UnusedSheet{{Name: "Y"}}
	im.Sheets[0].Found = imports.Found{Errors: map[imports.IssueCode]uint32{imports.Required: 9}}
	f, _ := report(t, im)
	rows, err := f.GetRows("Fehler")
	if err != nil {
		t.Fatal(err)
	}
	all := ""
	for _, row := range rows {
		all += strings.Join(row, "|") + "\n"
	}
	for _, want := range []string{"Fehler in ledger.xlsx\n", "Mit Fehlern: 2 Zeilen. Warten auf eine andere Zeile: 1 Zeile.\n", "Korrigieren Sie die farbigen Zellen",
		"Blatt|Gelesene Zeilen|Mit Fehlern|Wartend|Anzahl Fehler\n", "Das Blatt „X“ ist in der Datei ausgeblendet. Es wurde importiert.\n", "An old notice.\n",
		"Das Blatt „Y“ wurde nicht importiert.\n", "Zuerst korrigieren|", "„1“ von „Issues“ fehlt. 1 Zeile von „Issues“ wartet darauf.|Issues!C4|",
		"|soon|Fehler|„Betrag“ ist leer. Jede Zeile braucht hier einen Wert.\n", "|Warnung|„Betrag“ ist leer.", "|wartet|blocked\n", "Issues: 2 weitere Fehler wurden gefunden, die nicht aufgelistet sind."} {
		if !strings.Contains(all, want) {
			t.Errorf("the sheet lacks %q:\n%s", want, all)
		}
	}
	comments, err := f.GetComments("Issues")
	if err != nil || len(comments) == 0 {
		t.Fatal(comments, err)
	}
	for _, c := range comments {
		text := c.Text
		for _, run := range c.Paragraph {
			text += run.Text
		}
		if !strings.HasSuffix(text, "der hochgeladenen Datei.") {
			t.Errorf("a comment is %q", text)
		}
	}
	var list bytes.Buffer
	if err := WriteCSV(t.Context(), &list, im); err != nil || !strings.Contains(list.String(), `"„Betrag“ ist leer. Jede Zeile braucht hier einen Wert."`) {
		t.Errorf("the list is %s, %v", list.String(), err)
	}
}

func TestLinesInGerman(t *testing.T) {
	im := Import{Language: messages.German, Issues: stored(imports.Issue{Sheet: "issues", Cell: "a.csv: line 4,711, column 3", Row: 4711, CellColumn: 3, Message: "old"})}
	im.Sheets = []imports.Sheet{{Name: "issues", Lines: true, File: "a.csv"}}
	var list bytes.Buffer
	if err := WriteCSV(t.Context(), &list, im); err != nil || !strings.Contains(list.String(), `"a.csv: Zeile 4.711, Spalte 3"`) {
		t.Errorf("the list is %s, %v", list.String(), err)
	}
}
