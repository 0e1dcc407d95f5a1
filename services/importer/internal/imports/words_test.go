package imports

import "testing"

func TestCountsAgreeWithTheirNouns(t *testing.T) {
	for got, want := range map[string]string{
		Rows(0): "0 rows", Rows(1): "1 row", Rows(37_400): "37,400 rows", RowsOf(1, 2): "1 of 2 rows", RowsOf(1, 1): "1 of 1 row",
		RowsOf(1200, 4000): "1,200 of 4,000 rows", Count(1, "decimal place"): "1 decimal place", Count(2, "character"): "2 characters",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
