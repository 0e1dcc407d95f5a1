package xlsx

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestSmoke(t *testing.T) {
	files, _ := filepath.Glob("testdata/corpus/*.xls*")
	for _, f := range files {
		fh, _ := os.Open(f)
		st, _ := fh.Stat()
		w, err := Open(context.Background(), fh, st.Size(), Limits{})
		if err != nil {
			fmt.Println(f, err)
			continue
		}
		for _, s := range w.Sheets() {
			rows, err := w.Rows(context.Background(), s.Name)
			if err != nil {
				fmt.Println(f, s, err)
				continue
			}
			n := 0
			for rows.Next() {
				n += len(rows.Row().Cells)
			}
			fmt.Println(f, s, n, rows.Err())
			rows.Close()
		}
	}
}
