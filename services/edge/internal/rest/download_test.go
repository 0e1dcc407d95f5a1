package rest

import "testing"

// TestNamesOfFilesShowTheirEnd has a name that browsers would show as "xslx.gpj".
func TestNamesOfFilesShowTheirEnd(t *testing.T) {
	for name, want := range map[string]string{
		"\u202egpj.xlsx":      `attachment; filename="_gpj.xlsx"; filename*=UTF-8''_gpj.xlsx`,
		"a\u2028b\u0085c\r\n": `attachment; filename="a_b_c__"; filename*=UTF-8''a_b_c__`,
		"שם.xlsx":             `attachment; filename="__.xlsx"; filename*=UTF-8''%D7%A9%D7%9D.xlsx`,
	} {
		if got := disposition(name); got != want {
			t.Errorf("%q: %s", name, got)
		}
	}
}
