package importer_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// TestRenewedLicenceIsImported changes the licence of a driver on both sheets that have it.
func TestRenewedLicenceIsImported(t *testing.T) {
	w := setup(t)
	file := w.sampleBook(600, 0)
	wantStatus(t, w.end(file, &importsv1.UploadOptions{}), jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	book, err := excelize.OpenReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	column := func(sheet, header string) (rows [][]string, index int) {
		rows, err := book.GetRows(sheet)
		if err != nil {
			t.Fatal(err)
		}
		if index = slices.Index(rows[0], header); index < 0 {
			t.Fatalf("%s has the headers %q", sheet, rows[0])
		}
		return rows, index
	}
	assignments, driver := column("Car assignments", "Driver's licence")
	old, changed := assignments[1][driver], uint32(0)
	for _, on := range []struct{ sheet, header string }{{"Drivers", "Licence number"}, {"Car assignments", "Driver's licence"}} {
		rows, index := column(on.sheet, on.header)
		for i, row := range rows {
			if len(row) <= index || row[index] != old {
				continue
			}
			changed++
			cell, err := excelize.CoordinatesToCellName(index+1, i+1)
			if err != nil {
				t.Fatal(err)
			}
			if err := book.SetCellValue(on.sheet, cell, "RENEWED-1"); err != nil {
				t.Fatal(err)
			}
		}
	}
	var renewed bytes.Buffer
	if err := book.Write(&renewed); err != nil {
		t.Fatal(err)
	}
	im := w.end(renewed.Bytes(), &importsv1.UploadOptions{})
	wantStatus(t, im, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	if totals := im.GetTotals(); changed < 2 || totals.GetUpdated() != changed || totals.GetInserted() != 0 || totals.GetIssues() != 0 {
		t.Errorf("%d cells were changed, and the counts are %v", changed, totals)
	}
	if !slices.ContainsFunc(rowsOf(t, w.dir), func(row string) bool { return strings.Contains(row, "RENEWED-1") }) {
		t.Error("the new licence is not in the database")
	}
}
