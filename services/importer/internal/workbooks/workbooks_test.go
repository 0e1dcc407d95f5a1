package workbooks_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/xuri/excelize/v2"

	"headway/services/importer/internal/files"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/archive"
	"headway/services/importer/internal/source/csv"
	"headway/services/importer/internal/source/ods"
	"headway/services/importer/internal/source/xlsx"
	"headway/services/importer/internal/workbooks"
)

var openers = source.Openers{archive.Opener{}, xlsx.Opener{}, ods.Opener{}, csv.Opener{}}

// tables returns files with rows of random texts, which can't be compressed to much less.
func tables(t *testing.T, rows int) map[string][]byte {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 1))
	f := excelize.NewFile()
	defer f.Close()
	sheet, err := f.NewStreamWriter("Sheet1")
	if err != nil {
		t.Fatal(err)
	}
	var text, book, packed bytes.Buffer
	for i := range rows {
		name := fmt.Sprintf("%016x%016x", random.Uint64(), random.Uint64())
		fmt.Fprintf(&text, "%d;%s\n", i, name)
		if err := sheet.SetRow(fmt.Sprint("A", i+1), []any{i, name}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(sheet.Flush(), f.Write(&book)); err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(&packed)
	part, err := z.Create("table.csv")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(text.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	spreadsheet, err := os.ReadFile("../source/ods/testdata/various.ods")
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{"csv": text.Bytes(), "zip": packed.Bytes(), "xlsx": book.Bytes(), "ods": spreadsheet}
}

// readAll reads all rows of a workbook.
func readAll(t *testing.T, book source.Workbook) error {
	for _, s := range book.Sheets() {
		rows, err := book.Rows(t.Context(), s.Name)
		if err != nil {
			return err
		}
		for rows.Next() {
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
	}
	return nil
}

// TestLostFileIsNotDamaged opens files, and reads them while the bucket answers less than it has, as when a connection is lost.
func TestLostFileIsNotDamaged(t *testing.T) {
	folder := t.TempDir()
	store, err := files.Open(t.Context(), "file://"+folder, false)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	reader := &workbooks.Reader{Files: store, Openers: openers}
	for kind, data := range tables(t, 80_000) {
		upload, err := store.Receive(t.Context(), kind, int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := upload.Write(data); err != nil {
			t.Fatal(err)
		}
		if _, err := upload.Keep(); err != nil {
			t.Fatal(err)
		}
		stored, err := filepath.Glob(filepath.Join(folder, kind+"*"))
		if err != nil || len(stored) == 0 {
			t.Fatal(stored, err)
		}
		for _, left := range []int64{0, 100, 1 << 20, 1<<20 + 100} {
			if left > int64(len(data)) {
				continue
			}
			if err := os.WriteFile(stored[0], data, 0o600); err != nil {
				t.Fatal(err)
			}
			book, err := reader.Open(t.Context(), kind, source.Hints{}, 0)
			if err != nil {
				t.Fatal(kind, err)
			}
			if err := os.Truncate(stored[0], left); err != nil {
				t.Fatal(err)
			}
			err = readAll(t, book.Workbook)
			if err := book.Close(); err != nil {
				t.Error(err)
			}
			var refused *source.Error
			if err != nil && !errors.Is(err, imports.ErrFilesUnavailable) || errors.As(err, &refused) {
				t.Errorf("%s of %d bytes, of which %d are left: %v", kind, len(data), left, err)
			}
		}
	}
}

// failing is a file whose reads fail from one of them on.
type failing struct {
	*bytes.Reader
	left int
}

var errFails = errors.New("the bucket is gone")

func (f *failing) ReadAt(p []byte, off int64) (int, error) {
	if f.left--; f.left < 0 {
		return 0, errFails
	}
	return f.Reader.ReadAt(p, off)
}

// TestFailedReadIsTheErrorOfTheFile fails at each read of a file in turn.
func TestFailedReadIsTheErrorOfTheFile(t *testing.T) {
	for kind, data := range tables(t, 200) {
		reads := 0
		for ; ; reads++ {
			f := &failing{bytes.NewReader(data), reads}
			book, err := openers.Open(t.Context(), f, int64(len(data)), source.Limits{})
			if err == nil {
				err = errors.Join(readAll(t, book), book.Close())
			}
			if err == nil && f.left >= 0 {
				break
			}
			if !errors.Is(err, errFails) {
				t.Errorf("%s: after %d reads, the error is %v", kind, reads, err)
			}
		}
		if reads < 2 {
			t.Errorf("%s: the file is read by %d reads", kind, reads)
		}
	}
}
