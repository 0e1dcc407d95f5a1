package intake

import "testing"

func TestFileNamesHaveNoPath(t *testing.T) {
	for given, want := range map[string]string{
		"staff.xlsx": "staff.xlsx", `C:\fakepath\staff.xlsx`: "staff.xlsx", "../../etc/passwd": "passwd", "": "workbook.xlsx",
		"..": "workbook.xlsx", "a\x00b\n.xlsx": "ab.xlsx", "Löhne 2025.xlsx": "Löhne 2025.xlsx",
	} {
		if got := fileName(given); got != want {
			t.Errorf("%q becomes %q, want %q", given, got, want)
		}
	}
}
