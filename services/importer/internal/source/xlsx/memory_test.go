package xlsx

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"headway/services/importer/internal/source"
)

// share is a source.Memory of a given size.
type share struct {
	mu         sync.Mutex
	size, used int64
	most       int64
}

var errFull = errors.New("no memory left")

func (s *share) Grow(bytes int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used+bytes > s.size {
		return errFull
	}
	s.used += bytes
	s.most = max(s.most, s.used)
	return nil
}

func (s *share) Shrink(bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= bytes
}

// sharedWorkbook has a sheet whose row i has the shared string i, of the given length, for a number of rows.
func sharedWorkbook(rows, length int) []byte {
	var table, sheet strings.Builder
	for i := range rows {
		fmt.Fprintf(&table, "<si><t>%06d%s</t></si>", i, strings.Repeat("x", length-6))
		fmt.Fprintf(&sheet, `<row r="%d"><c r="A%d" t="s"><v>%d</v></c><c r="B%d" t="s"><v>%d</v></c></row>`, i+1, i+1, i, i+1, i)
	}
	p := parts{"xl/sharedStrings.xml": stringTable(table.String()), sheetPart: sheetXML(sheet.String())}
	return workbookWith(p)
}

func TestSharedStringsSpillWithoutMemory(t *testing.T) {
	const rows, length = 3000, 3000 // 9 MB of text
	file := sharedWorkbook(rows, length)
	dir := t.TempDir()
	memory := &share{size: 6 << 20}
	w, err := openBytes(t, file, source.Limits{Memory: memory, SpillDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.openRows(context.Background(), "Data")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for r.Next() {
		row := r.Row()
		for _, c := range row.Cells {
			if want := fmt.Sprintf("%06d", n); string(c.Text[:6]) != want || len(c.Text) != length {
				t.Fatalf("row %d has %d bytes that begin with %q", row.Number, len(c.Text), c.Text[:6])
			}
		}
		n++
	}
	if r.Err() != nil || n != rows {
		t.Fatalf("%d rows, %v", n, r.Err())
	}
	if w.shared.size < 4<<20 {
		t.Errorf("only %d bytes were spilled", w.shared.size)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("the file has a name: %v, %v", left, err)
	}
	if err := errors.Join(r.Close(), w.Close()); err != nil {
		t.Error(err)
	}
	if memory.used != 0 {
		t.Errorf("%d bytes were not returned", memory.used)
	}
}

func TestIndexOfSharedStringsSpills(t *testing.T) {
	a := &arena{chunk: 1000, memory: &share{}, spillDir: t.TempDir()}
	const n = 3*indexPage + 5
	for i := range n {
		if err := a.add(fmt.Appendf(nil, "%d", i), i%7 == 0); err != nil {
			t.Fatal(err)
		}
	}
	for _, i := range []int{0, 1, 7, indexPage - 1, indexPage, 2*indexPage + 3, n - 1} {
		text, tooLong, err := a.read(i)
		if err != nil || string(text) != fmt.Sprint(i) || tooLong != (i%7 == 0) {
			t.Errorf("string %d is %q, %v, %v", i, text, tooLong, err)
		}
	}
	if err := a.close(); err != nil {
		t.Error(err)
	}
}

func TestLongTextsAreCutAndMarked(t *testing.T) {
	long, fits := strings.Repeat("ä", source.MaxTextLength+1), strings.Repeat("ä", source.MaxTextLength)
	pair := strings.Repeat("\U0001F600", source.MaxTextLength/2+1) // two units each
	sheet := `<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1" t="inlineStr"><is><t>` + long +
		`</t></is></c><c r="D1" t="str"><f>A1</f><v>` + pair + `</v></c></row>`
	w, err := openBytes(t, (workbookWith(parts{"xl/sharedStrings.xml": stringTable("<si><t>" + long + "</t></si><si><t>" + fits + "</t></si>"),
		sheetPart: sheetXML(sheet)})), source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.openRows(context.Background(), "Data")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if !r.Next() {
		t.Fatal(r.Err())
	}
	for i, want := range []bool{true, false, true, true} {
		c := r.Row().Cells[i]
		if c.TooLong != want || want && len(c.Text) > 1010 || !want && len(c.Text) != len(fits) {
			t.Errorf("cell %d is too long: %v, and has %d bytes", i+1, c.TooLong, len(c.Text))
		}
	}
}

func TestHeadDoesNotLoadSharedStrings(t *testing.T) {
	file := sharedWorkbook(3000, 3000)
	memory := &share{size: 3 << 20}
	w, err := openBytes(t, file, source.Limits{Memory: memory})
	if err != nil {
		t.Fatal(err)
	}
	head, err := w.Head(context.Background(), []string{"Data"}, 10)
	if err != nil {
		t.Fatal(err)
	}
	rows := head["Data"]
	if len(rows) != 10 || w.shared != nil {
		t.Fatalf("%d rows; the shared strings were loaded: %v", len(rows), w.shared != nil)
	}
	for i, row := range rows {
		if text := row.Cells[1].Text; row.Number != i+1 || len(text) != source.HeadText || string(text[:6]) != fmt.Sprintf("%06d", i) {
			t.Errorf("row %d has %d bytes that begin with %q", row.Number, len(text), text[:6])
		}
	}
	if err := w.Close(); err != nil || memory.used != 0 {
		t.Errorf("%d bytes were not returned, %v", memory.used, err)
	}
}

func TestHeadSkipsRowsOfEmptySharedStrings(t *testing.T) {
	sheet := `<row r="1"><c r="A1" t="s"><v>0</v></c></row><row r="2"><c r="A2" t="s"><v>1</v></c><c r="B2"><v>5</v></c></row>`
	w, err := openBytes(t, (workbookWith(parts{"xl/sharedStrings.xml": stringTable("<si><t></t></si><si><t>Code</t></si>"), sheetPart: sheetXML(sheet)})), source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	head, err := w.Head(context.Background(), []string{"Data"}, 10)
	if err != nil {
		t.Fatal(err)
	}
	if rows := head["Data"]; len(rows) != 1 || rows[0].Number != 2 || string(rows[0].Cells[0].Text) != "Code" {
		t.Errorf("got %v", rows)
	}
}

func TestHeadRefusesMissingSharedStrings(t *testing.T) {
	w, err := openBytes(t, (workbookWith(parts{"xl/sharedStrings.xml": stringTable("<si><t>a</t></si>"),
		sheetPart: sheetXML(`<row r="1"><c r="A1" t="s"><v>9</v></c></row>`)})), source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Head(context.Background(), []string{"Data"}, 10); source.ReasonOf(err) != source.Damaged {
		t.Errorf("got %v", err)
	}
}
