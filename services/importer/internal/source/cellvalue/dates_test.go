package cellvalue

import (
	"errors"
	"strconv"
	"testing"

	"headway/services/importer/internal/source"
)

func TestSerialNumbersAreDatesOfTheirSystem(t *testing.T) {
	for _, c := range []struct {
		serial string
		system int
		shown  source.FormatClass
		want   string
	}{
		{"1", 1900, source.DateOnly, "1900-01-01"},
		{"59", 1900, source.DateOnly, "1900-02-28"},
		{"61", 1900, source.DateOnly, "1900-03-01"},
		{"45351", 1900, source.DateOnly, "2024-02-29"},
		{"2958465", 1900, source.DateOnly, "9999-12-31"},
		{"45351", 1900, source.DateTime, "2024-02-29T00:00:00"},
		{"45351.5", 1900, source.DateOnly, "2024-02-29T12:00:00"},
		{"43831.9999884259", 1900, source.DateTime, "2020-01-01T23:59:59"},
		{"43831.9999999999", 1900, source.DateTime, "2020-01-02T00:00:00"},
		{"44197.0000057870", 1900, source.DateTime, "2021-01-01T00:00:00.5"},
		{"0.25", 1900, source.TimeOnly, "06:00:00"},
		{"0", 1900, source.TimeOnly, "00:00:00"},
		{"0.999988425925926", 1900, source.DateOnly, "23:59:59"},
		{"0", 1904, source.DateOnly, "1904-01-01"},
		{"0.5", 1904, source.TimeOnly, "12:00:00"},
		{"0.5", 1904, source.DateTime, "1904-01-01T12:00:00"},
		{"60", 1904, source.DateOnly, "1904-03-01"},
		{"43889", 1904, source.DateOnly, "2024-02-29"},
		{"2957003", 1904, source.DateOnly, "9999-12-31"},
		{"1.5", 1900, source.Elapsed, "1900-01-01T12:00:00"},
	} {
		got, err := Civil(&source.Cell{Kind: source.Date, Text: []byte(c.serial), Format: &source.NumberFormat{Kind: c.shown}}, c.system == 1904)
		if err != nil || got.String() != c.want {
			t.Errorf("%s (%d, format class %d) is %q, %v, want %q", c.serial, c.system, c.shown, got, err, c.want)
		}
	}
}

// Whole numbers are read by a shorter way.
func TestWholeNumbersAreSameDaysAsWithDecimals(t *testing.T) {
	for day := range 2_958_480 {
		for _, date1904 := range []bool{false, true} {
			format := &source.NumberFormat{Kind: source.DateOnly}
			text := strconv.Itoa(day)
			whole, err := Civil(&source.Cell{Kind: source.Date, Text: []byte(text), Format: format}, date1904)
			want, wantErr := Civil(&source.Cell{Kind: source.Date, Text: []byte(text + ".0"), Format: format}, date1904)
			if whole != want || !errors.Is(err, wantErr) {
				t.Fatalf("%s is %v, %v, with decimals %v, %v", text, whole, err, want, wantErr)
			}
		}
	}
}

func TestNumbersOutsideCalendarAreErrors(t *testing.T) {
	for serial, want := range map[string]error{
		"60": source.ErrNoSuchDate, "60.5": source.ErrNoSuchDate, "59.99999999999": source.ErrNoSuchDate,
		"-1": source.ErrDateRange, "2958466": source.ErrDateRange, "2958465.99999999999": source.ErrDateRange,
		"1" + "000000000000": source.ErrDateRange, "": source.ErrNotADate,
	} {
		_, err := Civil(&source.Cell{Kind: source.Date, Text: []byte(serial), Format: &source.NumberFormat{Kind: source.DateOnly}}, false)
		if !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", serial, err, want)
		}
	}
	_, err := Civil(&source.Cell{Kind: source.Text, Text: []byte("2024-02-29"), Format: &source.NumberFormat{}}, false)
	if !errors.Is(err, source.ErrNotADate) {
		t.Errorf("text: %v", err)
	}
}

func TestISODatesAreRead(t *testing.T) {
	for in, want := range map[string]string{
		"2024-02-29": "2024-02-29", "2024-02-29T08:30": "2024-02-29T08:30:00", "1976-11-22T08:30Z": "1976-11-22T08:30:00",
		"2024-02-29T08:30:05.250": "2024-02-29T08:30:05.25", "2024-02-29 08:30:05": "2024-02-29T08:30:05",
		"08:30:05,5": "08:30:05.5", "T23:59": "23:59:00", " 2024-01-01 ": "2024-01-01",
	} {
		got, err := Civil(&source.Cell{Kind: source.Date, ISO: true, Text: []byte(in), Format: &source.NumberFormat{}}, false)
		if err != nil || got.String() != want {
			t.Errorf("%s is %q, %v, want %q", in, got, err, want)
		}
	}
	for in, want := range map[string]error{
		"2023-02-29": source.ErrDateMalformed, "2024-13-01": source.ErrDateMalformed, "24-01-01": source.ErrDateMalformed, "": source.ErrDateMalformed,
		"2024-01-01T": source.ErrDateMalformed, "2024-01-01T24:00": source.ErrDateMalformed, "2024-01-01X08:00": source.ErrDateMalformed,
		"2024-01-01T08:00:00.": source.ErrDateMalformed, "2024-01-01T08:00+02:00": source.ErrDateZone, "2024-01-01T08:00:00-05:00": source.ErrDateZone,
	} {
		_, err := Civil(&source.Cell{Kind: source.Date, ISO: true, Text: []byte(in), Format: &source.NumberFormat{}}, false)
		if !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", in, err, want)
		}
	}
}

func TestFormatCodesDistinguishDates(t *testing.T) {
	for code, want := range map[string]source.FormatClass{
		"General": source.Plain, "0.00": source.Plain, "#,##0": source.Plain, "0%": source.Plain, "@": source.Plain, "0.00E+00": source.Plain, "# ?/?": source.Plain,
		`"day" 0`: source.Plain, `0 "hours"`: source.Plain, `\d0`: source.Plain, "[Red]0.00": source.Plain, "[$€-407] #,##0.00": source.Plain,
		`_(* #,##0_);_(* (#,##0);_(* "-"_);_(@_)`: source.Plain, "0;[Red]-0;yyyy": source.Plain, "GENERAL": source.Plain, "": source.Plain,
		"yyyy-mm-dd": source.DateOnly, "d-mmm-yy": source.DateOnly, "mmm-yy": source.DateOnly, "mmmm": source.DateOnly, "[$-409]d-mmm-yy;@": source.DateOnly,
		`yyyy"年"m"月"d"日"`: source.DateOnly, `ggge"年"m"月"`: source.DateOnly, `dd\.mm\.yyyy`: source.DateOnly, "DD/MM/YYYY": source.DateOnly,
		"h:mm": source.TimeOnly, "h:mm:ss AM/PM": source.TimeOnly, "mm:ss.0": source.TimeOnly, "h:mm A/P": source.TimeOnly,
		"m/d/yy h:mm": source.DateTime, "yyyy-mm-dd hh:mm:ss": source.DateTime,
		"[h]:mm:ss": source.Elapsed, "[mm]:ss": source.Elapsed, "[ss]": source.Elapsed, "[hh]": source.Elapsed,
	} {
		if got := Classify(code); got != want {
			t.Errorf("%q is of class %d, want %d", code, got, want)
		}
	}
}

func FuzzTime(f *testing.F) {
	f.Add("45351.5", "yyyy", true, false)
	f.Add("2024-02-29T08:30:05.250Z", "", false, true)
	f.Fuzz(func(t *testing.T, text, code string, date1904, iso bool) {
		c, err := Civil(&source.Cell{Kind: source.Date, ISO: iso, Text: []byte(text), Format: &source.NumberFormat{Kind: Classify(code)}}, date1904)
		if err != nil {
			return
		}
		back, err := parseISO([]byte(c.String()))
		if err != nil || back != c {
			t.Fatalf("%q is %+v, which is written %q and read as %+v, %v", text, c, c, back, err)
		}
	})
}
