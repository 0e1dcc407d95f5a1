package convert

import (
	"strings"
	"testing"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

func TestTimesOfZonesBecomeMoments(t *testing.T) {
	for _, c := range []struct {
		zone, text, want string
		code             imports.IssueCode
	}{
		{"Europe/Berlin", "2024-01-15 12:00", "2024-01-15 11:00:00", 0},
		{"Europe/Berlin", "2024-07-15T12:00:00.25", "2024-07-15 10:00:00.25", 0},
		{"Europe/Berlin", "2024-07-15", "2024-07-14 22:00:00", 0},
		{"Europe/Berlin", "2024-03-31 01:59:59", "2024-03-31 00:59:59", 0},
		{"Europe/Berlin", "2024-03-31 02:30", "Enter 2024-03-31T01:30:00+01:00 or 2024-03-31T03:30:00+02:00.", imports.NotADate},
		{"Europe/Berlin", "2024-03-31 03:00", "2024-03-31 01:00:00", 0},
		{"Europe/Berlin", "2024-10-27 02:30", "Enter 2024-10-27T02:30:00+02:00 or 2024-10-27T02:30:00+01:00.", imports.AmbiguousDate},
		{"Europe/Berlin", "2024-10-27T02:30:00+01:00", "2024-10-27 01:30:00", 0},
		{"Europe/Berlin", "2024/10/27 2:30:02 AM GMT+1", "2024-10-27 01:30:02", 0},
		{"Europe/Berlin", "27.10.2024 02:30 UTC+05:30", "2024-10-26 21:00:00", 0},
		{"Europe/Berlin", "Sun, 27 Oct 2024 02:30:00 +0000", "2024-10-27 02:30:00", 0},
		{"Europe/Berlin", "3/4/2024 2:30 AM GMT+1", "can be read as", imports.AmbiguousDate},
		{"Europe/Berlin", "2024-10-27 02:30 CET", "it has a time zone", imports.NotADate},
		{"Europe/Berlin", "2024-10-27 02:30 GMT+15", "", imports.NotADate},
		{"Europe/Berlin", "2024-10-27T02:30Z", "2024-10-27 02:30:00", 0},
		{"Europe/Berlin", "2024-10-27 03:00", "2024-10-27 02:00:00", 0},
		{"America/New_York", "2024-11-03 01:30", "Enter 2024-11-03T01:30:00-04:00 or 2024-11-03T01:30:00-05:00.", imports.AmbiguousDate},
		{"Australia/Lord_Howe", "2024-04-07 01:45", "Enter 2024-04-07T01:45:00+11:00 or 2024-04-07T01:45:00+10:30.", imports.AmbiguousDate},
		{"Asia/Kathmandu", "2024-04-07 05:45", "2024-04-07 00:00:00", 0},
		{"Pacific/Apia", "2011-12-30 12:00", "Enter 2011-12-29T12:00:00-10:00 or 2011-12-31T12:00:00+14:00.", imports.NotADate},
		{"UTC", "2024-10-27 02:30", "2024-10-27 02:30:00", 0},
		{"America/New_York", "9999-12-31 23:00", "outside the years", imports.NotADate},
		{"Europe/Berlin", "2024-13-01T00:00+01:00", "", imports.NotADate},
	} {
		column, err := Compile(&schema.Column{Name: "at", Title: "At", Type: schema.DateTime, Zone: c.zone})
		if err != nil {
			t.Fatal(err)
		}
		v, _, f := column.Convert(&source.Cell{Kind: source.Text, Text: []byte(c.text)}, nil, nil)
		switch {
		case f != nil && !f.Normalized():
			if f.Code != c.code || !strings.Contains(f.Message(), c.want) {
				t.Errorf("%s in %s is %v %q, want %v %q", c.text, c.zone, f.Code, f.Message(), c.code, c.want)
			}
		case string(v.Bytes) != c.want || c.code != 0:
			t.Errorf("%s in %s is %s, want %s", c.text, c.zone, v.Bytes, c.want)
		}
	}
}

func TestBoundsOfZonesAreMoments(t *testing.T) {
	column, err := Compile(&schema.Column{Name: "at", Title: "At", Type: schema.DateTime, Zone: "Europe/Berlin", Min: "2024-01-01T00:00:00"})
	if err != nil {
		t.Fatal(err)
	}
	for text, ok := range map[string]bool{"2024-01-01 00:00": true, "2023-12-31 23:59": false} {
		if _, _, f := column.Convert(&source.Cell{Kind: source.Text, Text: []byte(text)}, nil, nil); (f == nil) != ok {
			t.Errorf("%s is %v", text, f)
		}
	}
}
