package archive_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"sync"
	"testing"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/archive"
	"headway/services/importer/internal/source/csv"
	"headway/services/importer/internal/source/ods"
	"headway/services/importer/internal/source/xlsx"
)

var openers = source.Openers{archive.Opener{}, xlsx.Opener{}, ods.Opener{}, csv.Opener{}}

// entry is a file of an archive.
type entry struct{ name, text string }

// zipOf writes an archive. change edits the header of each entry.
func zipOf(t testing.TB, change func(*zip.FileHeader), entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		if change != nil {
			change(h)
		}
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func openFile(data []byte, limits source.Limits, hints source.Hints) (source.Workbook, error) {
	return openers.For(hints).Open(context.Background(), bytes.NewReader(data), int64(len(data)), limits)
}

func open(t testing.TB, data []byte, hints source.Hints) source.Workbook {
	t.Helper()
	w, err := openFile(data, source.Limits{}, hints)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// textOf returns the rows of a sheet, one per line, with "|" between the cells.
func textOf(t testing.TB, w source.Workbook, sheet string) string {
	t.Helper()
	rows, err := w.Rows(context.Background(), sheet)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for rows.Next() {
		var cells []string
		for _, c := range rows.Row().Cells {
			cells = append(cells, string(c.Text))
		}
		lines = append(lines, strings.Join(cells, "|"))
	}
	if err := errors.Join(rows.Err(), rows.Close(), rows.Close()); err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

func TestFilesAreSheetsWithTheirOwnFormats(t *testing.T) {
	w := open(t, zipOf(t, nil,
		entry{"export/", ""},
		entry{"export/areas.csv", "code,name\nN,North\n"},
		entry{"export/departments.tsv", "code\tname\n1\tK\xfcche\n"},
		entry{"employees.TXT", "number;name\n7;\"a;b\"\n8;c\n"}), source.Hints{})
	var sheets []string
	for _, s := range w.Sheets() {
		sheets = append(sheets, s.Name+" "+s.File)
	}
	if want := []string{"areas areas.csv", "departments departments.tsv", "employees employees.TXT"}; !slices.Equal(sheets, want) {
		t.Fatalf("the sheets are %q, want %q", sheets, want)
	}
	for sheet, want := range map[string]string{"areas": "code|name\nN|North", "departments": "code|name\n1|Küche", "employees": "number|name\n7|a;b\n8|c"} {
		if got := textOf(t, w, sheet); got != want {
			t.Errorf("%s has %q, want %q", sheet, got, want)
		}
	}
	formats, err := source.TextFormatsOf(context.Background(), w)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(formats["areas.csv"].Delimiter, formats["departments.tsv"].Delimiter, formats["employees.TXT"].Delimiter, formats["departments.tsv"].Encoding)
	if want := fmt.Sprint(",", "\t", ";", "windows-1252"); got != want || len(formats) != 3 {
		t.Errorf("the formats are %q, want %q", got, want)
	}
	if !source.HasLines(w) {
		t.Error("the rows are not lines")
	}
}

func TestGuessesAreOverruledByFile(t *testing.T) {
	data := zipOf(t, nil, entry{"a.csv", "x,y;z\n1,2;3\n"}, entry{"b.csv", "x,y;z\n1,2;3\n"}, entry{"c.csv", "x,y,z;\n1,2,3;\n"})
	w := open(t, data, source.Hints{Text: source.TextFormat{Delimiter: ";"}, Texts: map[string]source.TextFormat{"b.csv": {Delimiter: ","}, "c.csv": {}}})
	for sheet, want := range map[string]string{"a": "x,y|z\n1,2|3", "b": "x|y;z\n1|2;3", "c": "x|y|z;\n1|2|3;"} {
		if got := textOf(t, w, sheet); got != want {
			t.Errorf("%s has %q, want %q", sheet, got, want)
		}
	}
	_, err := source.TextFormatsOf(context.Background(), open(t, data, source.Hints{Texts: map[string]source.TextFormat{"d.csv": {Delimiter: ","}}}))
	if !errors.Is(err, source.ErrTextFormat) || !strings.Contains(err.Error(), "d.csv") {
		t.Errorf("a format of a file that does not exist: %v", err)
	}
}

func TestFilesOfProgramsAreIgnoredAndNamed(t *testing.T) {
	w := open(t, zipOf(t, nil, entry{"__MACOSX/._a.csv", "\x00\x05"}, entry{"a.csv", "x,y\n1,2\n"}, entry{".DS_Store", "\x00"}, entry{"d/Thumbs.db", "x"},
		entry{"d/~$b.csv", "x"}, entry{"d/.git/c.csv", "x"}), source.Hints{})
	if n := len(w.Sheets()); n != 1 {
		t.Errorf("there are %d sheets", n)
	}
	if got := strings.Join(source.IgnoredFiles(w), " "); got != "__MACOSX/._a.csv .DS_Store d/Thumbs.db d/~$b.csv d/.git/c.csv" {
		t.Errorf("the ignored files are %q", got)
	}
}

func TestDocumentsNextToTablesAreIgnored(t *testing.T) {
	w := open(t, zipOf(t, nil, entry{"a.csv", "x,y\n1,2\n"}, entry{"Handbook.PDF", "%PDF"}, entry{"logo.png", "\x89PNG"}), source.Hints{})
	if n := len(w.Sheets()); n != 1 {
		t.Errorf("there are %d sheets", n)
	}
	if got := strings.Join(source.IgnoredFiles(w), " "); got != "Handbook.PDF logo.png" {
		t.Errorf("the ignored files are %q", got)
	}
}

func TestOnlyWorkbookOfArchiveIsUnpacked(t *testing.T) {
	content := strings.Repeat("PK, or anything else. ", 10_000)
	data := zipOf(t, nil, entry{"__MACOSX/._Staff.xlsx", "x"}, entry{"Export 2026/readme.txt", "see"}, entry{"Export 2026/Staff.XLSX", content}, entry{"terms.pdf", "%PDF"})
	_, err := openFile(data, source.Limits{}, source.Hints{})
	var inside *source.InsideError
	if !errors.As(err, &inside) {
		t.Fatalf("the error is %v", err)
	}
	if got := inside.Name + " " + strings.Join(inside.Ignored, " "); got != "Staff.XLSX __MACOSX/._Staff.xlsx Export 2026/readme.txt terms.pdf" {
		t.Errorf("the workbook and the other files are %q", got)
	}
	var out bytes.Buffer
	m := &meter{max: 64 << 20}
	if err := inside.Unpack(t.Context(), bytes.NewReader(data), int64(len(data)), source.Limits{Memory: m}, &out); err != nil || out.String() != content {
		t.Errorf("%d bytes are unpacked: %v", out.Len(), err)
	}
	if m.used != 0 {
		t.Errorf("%d bytes of memory are not returned", m.used)
	}
	for name, limits := range map[string]source.Limits{"file": {MaxPartBytes: 1000}, "total": {MaxTotalBytes: 1000}} {
		err := inside.Unpack(t.Context(), bytes.NewReader(data), int64(len(data)), limits, &out)
		if source.ReasonOf(err) != source.LimitExceeded {
			t.Errorf("beyond the limit %s: %v", name, err)
		}
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := inside.Unpack(canceled, bytes.NewReader(data), int64(len(data)), source.Limits{}, &out); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of the context: %v", err)
	}
	broken := bytes.Clone(data)
	broken[bytes.Index(broken, []byte("Staff.XLSX"))+30] ^= 0xff
	if err := inside.Unpack(t.Context(), bytes.NewReader(broken), int64(len(broken)), source.Limits{}, &out); source.ReasonOf(err) != source.ArchiveDamaged {
		t.Errorf("a damaged archive: %v", err)
	}
}

func TestNamesAreReadInTheirEncodings(t *testing.T) {
	raw := func(name string) func(*zip.FileHeader) {
		return func(h *zip.FileHeader) { h.Name, h.NonUTF8 = name, true }
	}
	for want, change := range map[string]func(*zip.FileHeader){
		"Büro":  nil,
		"Löhne": raw("L\x94hne.csv"),            // code page 437, as Windows writes it
		"Größe": raw("Gr\xc3\xb6\xc3\x9fe.csv"), // UTF-8 without the flag, as macOS writes it
	} {
		w := open(t, zipOf(t, change, entry{"Büro.csv", "x,y\n1,2\n"}), source.Hints{})
		if got := w.Sheets()[0].Name; got != want {
			t.Errorf("the name is %q, want %q", got, want)
		}
	}
	long := strings.Repeat("department of long names ", 20)
	w := open(t, zipOf(t, nil, entry{long + "1.csv", "x,y\n1,2\n"}, entry{long + "2.csv", "x,y\n3,4\n"}), source.Hints{})
	if a, b := w.Sheets()[0], w.Sheets()[1]; a.Name == b.Name || len([]rune(a.File)) > 200 || textOf(t, w, b.Name) != "x|y\n3|4" {
		t.Errorf("long names are %q and %q", a.Name, b.Name)
	}
	if w := open(t, zipOf(t, raw(`dir\..\..\evil`+"\x01.csv"), entry{"x", "x,y\n1,2\n"}), source.Hints{}); w.Sheets()[0].File != "evil_.csv" {
		t.Errorf("the file is %q", w.Sheets()[0].File)
	}
}

func TestUnsuitableArchivesAreRefused(t *testing.T) {
	table := entry{"a.csv", "x,y\n1,2\n"}
	for name, c := range map[string]struct {
		data   []byte
		reason source.Reason
		says   string
	}{
		"a workbook inside":   {zipOf(t, nil, table, entry{"staff.xlsx", "PK"}), source.ArchiveUnsuitable, "“staff.xlsx” is a workbook, and “a.csv” is not. Unpack the archive"},
		"only a workbook":     {zipOf(t, nil, entry{"Export 2026/Staff.XLSX", "PK"}), source.ArchiveUnsuitable, "“Export 2026/Staff.XLSX” is a workbook. Unpack the archive"},
		"two workbooks":       {zipOf(t, nil, entry{"a.xlsx", "PK"}, entry{"b.ods", "PK"}), source.ArchiveUnsuitable, "“a.xlsx” and “b.ods” are workbooks"},
		"an empty workbook":   {zipOf(t, nil, entry{"a.xlsx", ""}), source.ArchiveUnsuitable, "“a.xlsx” is empty"},
		"an archive inside":   {zipOf(t, nil, entry{"more/b.zip", "PK"}), source.ArchiveUnsuitable, "more/b.zip"},
		"a picture":           {zipOf(t, nil, table, entry{"b.csv", "\x89PNG\r\n\x1a\n\x00\x00"}), source.ArchiveUnsuitable, "not a text file with columns"},
		"a web page":          {zipOf(t, nil, table, entry{"b.csv", "<!doctype html><html><body></body></html>"}), source.ArchiveUnsuitable, "b.csv"},
		"nothing":             {zipOf(t, nil), source.ArchiveUnsuitable, "no files"},
		"only files of macOS": {zipOf(t, nil, entry{"__MACOSX/._a.csv", "x"}), source.ArchiveUnsuitable, "no files"},
		"an empty file":       {zipOf(t, nil, table, entry{"b.csv", ""}), source.ArchiveUnsuitable, "“b.csv” is empty"},
		"the same name twice": {zipOf(t, nil, table, entry{"a.csv", "z"}), source.ArchiveUnsuitable, "two files “a.csv”"},
		"the same sheet":      {zipOf(t, nil, entry{"2025/Ä.csv", "x,y\n1,2"}, entry{"2026/ä.txt", "x,y\n1,2"}), source.ArchiveUnsuitable, "“2025/Ä.csv” and “2026/ä.txt” have the same name"},
		"a password":          {zipOf(t, func(h *zip.FileHeader) { h.Flags |= 1 }, table), source.ArchiveUnsuitable, "needs a password"},
	} {
		_, err := openFile(c.data, source.Limits{}, source.Hints{})
		if source.ReasonOf(err) != c.reason || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if w, err := openFile(zipOf(t, nil, entry{"[Content_Types].xml", "<a/>"}, table), source.Limits{}, source.Hints{}); err == nil || source.ReasonOf(err) == source.ArchiveUnsuitable {
		t.Errorf("a damaged workbook is read as an archive: %v, %v", w, err)
	}
}

// manyFiles returns n small text files.
func manyFiles(n int) []entry {
	list := make([]entry, n)
	for i := range list {
		list[i] = entry{fmt.Sprintf("f%d.csv", i), "x,y\n1,2\n"}
	}
	return list
}

func TestBombsAreRefused(t *testing.T) {
	zeros := strings.Repeat("1,2\n", 5<<20)
	for name, c := range map[string]struct {
		data   []byte
		limits source.Limits
	}{
		"ratio":      {zipOf(t, nil, entry{"a.csv", zeros}), source.Limits{}},
		"total":      {zipOf(t, nil, entry{"a.csv", zeros[:4000]}, entry{"b.csv", zeros[:4000]}), source.Limits{MaxTotalBytes: 7000}},
		"file":       {zipOf(t, nil, entry{"a.csv", zeros[:4000]}), source.Limits{MaxPartBytes: 3000}},
		"entries":    {zipOf(t, nil, manyFiles(20)...), source.Limits{MaxEntries: 10}},
		"text files": {zipOf(t, nil, manyFiles(257)...), source.Limits{}},
	} {
		if _, err := openFile(c.data, c.limits, source.Hints{}); source.ReasonOf(err) != source.LimitExceeded {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDamageIsFoundWhileReading(t *testing.T) {
	text := "x,y\n" + strings.Repeat("1,2\n", 100_000)
	data := zipOf(t, func(h *zip.FileHeader) { h.Method = zip.Store }, entry{"a.csv", text})
	broken := bytes.Clone(data)
	at := bytes.Index(broken, []byte("1,2\n")) + 4*90_000
	broken[at] = '7'
	if crc32.ChecksumIEEE(data) == crc32.ChecksumIEEE(broken) {
		t.Fatal("nothing was changed")
	}
	w, err := openFile(broken, source.Limits{}, source.Hints{})
	if err != nil {
		if source.ReasonOf(err) != source.ArchiveDamaged {
			t.Fatal(err)
		}
		return
	}
	defer w.Close()
	rows, err := w.Rows(t.Context(), "a")
	for err == nil && rows.Next() {
	}
	if err == nil {
		err = errors.Join(rows.Err(), rows.Close())
	}
	if source.ReasonOf(err) != source.ArchiveDamaged || !strings.Contains(err.Error(), "a.csv") {
		t.Errorf("the damage is described as %v", err)
	}
	if _, err := openFile(data[:len(data)-40], source.Limits{}, source.Hints{}); source.ReasonOf(err) != source.ArchiveDamaged {
		t.Errorf("a file without its end: %v", err)
	}
}

// meter is a Memory that has a limit, and records the maximum.
type meter struct {
	mu              sync.Mutex
	used, max, most int64
}

func (m *meter) Grow(n int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.used+n > m.max {
		return errors.New("full")
	}
	m.used += n
	m.most = max(m.most, m.used)
	return nil
}

func (m *meter) Shrink(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used -= n
}

func TestMemoryIsReservedAndReturned(t *testing.T) {
	data := zipOf(t, nil, manyFiles(10)...)
	for budget := int64(0); budget < 8<<20; budget += 250_000 {
		m := &meter{max: budget}
		w, err := openFile(data, source.Limits{Memory: m}, source.Hints{})
		if err == nil {
			_, err = source.TextFormatsOf(t.Context(), w)
			for _, s := range w.Sheets() {
				if rows, failed := w.Rows(t.Context(), s.Name); failed == nil {
					for rows.Next() {
					}
					_ = rows.Close()
				}
			}
			_ = w.Close()
		}
		if m.used != 0 {
			t.Fatalf("with %d bytes, %d are not returned: %v", budget, m.used, err)
		}
		if budget > 7<<20 && err != nil {
			t.Errorf("one file at a time needs more than %d bytes: %v", budget, err)
		}
	}
}

func FuzzArchive(f *testing.F) {
	f.Add(zipOf(f, nil, entry{"a.csv", "x,y\n1,2\n"}, entry{"b.csv", "x;y\n1;2\n"}))
	f.Add(zipOf(f, func(h *zip.FileHeader) { h.Method = zip.Store }, entry{"__MACOSX/a", ""}, entry{"d/b.csv", "x;y\n1;2\n"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		m := &meter{max: 64 << 20}
		w, err := openFile(data, source.Limits{Memory: m, MaxPartBytes: 1 << 20, MaxTotalBytes: 4 << 20, MaxRowBytes: 1 << 20}, source.Hints{})
		if err == nil {
			_, _ = source.TextFormatsOf(t.Context(), w)
			for _, s := range w.Sheets() {
				rows, err := w.Rows(t.Context(), s.Name)
				if err != nil {
					continue
				}
				for rows.Next() {
				}
				_ = rows.Close()
			}
			_ = w.Close()
		} else if errors.Is(err, source.ErrOtherFormat) {
			t.Fatalf("no opener takes the file: %v", err)
		}
		if m.used != 0 {
			t.Fatalf("%d bytes are not returned", m.used)
		}
	})
}
