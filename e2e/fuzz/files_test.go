package fuzz

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// imported uploads a file with one row that is valid and one that is not, and returns the ID of its import after its end.
func (s *server) imported(t testing.TB) string {
	t.Helper()
	file := "Area code,Area name,Country\nN,North,DE\nS,South,Germany\n"
	created, _ := s.send(t, http.MethodPost, "/api/v1/imports?on_issues=skip_rows&mapping="+url.QueryEscape(`[{"sheet":"areas"}]`), []byte(file), "Content-Type", "text/csv")
	var im struct {
		Import struct {
			ImportID string
			Job      struct{ Status string }
		}
	}
	if err := json.Unmarshal(created.body, &im); err != nil || im.Import.ImportID == "" {
		t.Fatalf("upload: %d %s", created.status, created.body)
	}
	for deadline := time.Now().Add(time.Minute); im.Import.Job.Status != "completed"; time.Sleep(10 * time.Millisecond) {
		read, _ := s.send(t, http.MethodGet, "/api/v1/imports/"+im.Import.ImportID, nil)
		if err := json.Unmarshal(read.body, &im); err != nil || time.Now().After(deadline) {
			t.Fatalf("import: %d %s", read.status, read.body)
		}
	}
	return im.Import.ImportID
}

// FuzzHeaders sends headers to every route, with all methods, for a job and an import that exist.
func FuzzHeaders(f *testing.F) {
	all := routes(f, func(route) bool { return true })
	methods := []string{"", http.MethodHead, http.MethodOptions, http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, "PROPFIND"}
	names := []string{"Range", "If-Range", "If-None-Match", "If-Match", "If-Modified-Since", "Accept", "Accept-Encoding", "Accept-Language", "Content-Encoding",
		"Content-Type", "Content-Disposition", "Cookie", "Authorization", "Origin", "Referer", "X-Forwarded-Prefix", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded",
		"X-Http-Method-Override", "X-Request-Id", "Traceparent", "Grpc-Timeout", "Grpc-Metadata-Authorization", "Te", "Upgrade", "Connection", "Prefer",
		"Access-Control-Request-Method", "Access-Control-Request-Headers", "Sec-Fetch-Site", "Last-Event-Id", "Upload-Offset", "Upload-Length", "Tus-Resumable"}
	values := append([]string{"bytes=0-", "bytes=-1", "bytes=0-0,2-3,1-", "bytes=9999999999999999999-", "bytes=5-2", "items=1-2", `"x"`, `W/"x", *`, "*/*;q=0", "gzip;q=2", "identity;q=0",
		"gzip, gzip", "br", "Bearer ", "Bearer x", "Basic eDp5", "headway_session=x", "__Host-headway_session=x; a", "null", "http://[::1", "/a//b/..", "1n", "99999999999H", "-5S",
		"websocket", "Mon, 02 Jan 2006 15:04:05 GMT", "00-0-0-0"}, hostile...)
	for i := range all {
		f.Add(uint(i), uint(0), uint(i), values[i%len(values)], "")
		f.Add(uint(i), uint(0), uint(slices.Index(names, "Accept-Language")), "\xff\xfe", "")
	}
	for n := range names {
		for v := n % 7; v < len(values); v += 7 {
			f.Add(uint(n*7+v), uint(v), uint(n), values[v], values[(v+n)%len(values)])
		}
	}
	s := start(f)
	done := s.imported(f)
	f.Fuzz(func(t *testing.T, number, method, name uint, value, other string) {
		r := all[number%uint(len(all))]
		if m := methods[method%uint(len(methods))]; m != "" {
			r.method = m
		}
		if r.method == http.MethodDelete && slices.Contains([]string{"/api/v1/jobs/{job_id}", "/api/v1/imports/{import_id}"}, r.path) || strings.HasSuffix(r.path, ":retry") {
			return // the others need it
		}
		header := names[name%uint(len(names))]
		next := names[(name+1)%uint(len(names))]
		s.send(t, r.method, r.at(done), nil, header, value, next, other)
	})
}

// FuzzFileOptions sends text files with options, to the routes of previews and uploads.
func FuzzFileOptions(f *testing.F) {
	table := "Area code;Area name;Country\nN;\"No;rth\";DE\nS;South;FR\n"
	for _, mapping := range []string{
		`[]`, `[{"sheet":"areas"}]`, `[{"sheet":"areas","workbookSheet":"x"}]`, `[{"sheet":"areas","columns":{"code":"Area code","name":""}}]`,
		`[{"sheet":"areas","constants":{"country":"DE"},"rules":{"name":{"case":"upper","replace":[{"from":"a","to":"b"}]}}}]`,
		`[{"sheet":"areas","splits":[{"header":"Area name","separator":" ","columns":["name",""],"fromEnd":true}]}]`,
		`[{"sheet":"areas","joins":[{"column":"name","headers":["Area name","Country"],"separator":" "}],"distinct":true}]`,
		`[{"sheet":"areas"},{"sheet":"areas"}]`, `[{"sheet":"areas","rules":{"established_on":{"date_order":"dmy","date_formats":["dd.MM.yyyy"]}}}]`, `[null]`, `[{"sheet":1}]`,
	} {
		f.Add([]byte(table), mapping, `{}`, "semicolon", "utf-8", "areas.csv")
	}
	for _, value := range hostile {
		f.Add([]byte(value), value, value, value, value, value)
		f.Add([]byte(table+value), "", `{"areas.csv":{"delimiter":"`+strings.ReplaceAll(value, `"`, "")+`"}}`, "", "", "areas.csv")
	}
	for _, encoding := range []string{"windows-1252", "UTF-16LE", "shift_jis", "replacement", "x-user-defined", "utf-7", "gb18030"} {
		f.Add([]byte(table), "", "", ";", encoding, "a.b.csv")
		f.Add([]byte("\xff\xfeA\x00,\x00B\x00\n\x00"), "", "", "", encoding, "")
	}
	s := start(f)
	f.Fuzz(func(t *testing.T, file []byte, mapping, formats, delimiter, encoding, name string) {
		query := url.Values{"dry_run": {"true"}}
		for key, value := range map[string]string{"mapping": mapping, "text_formats": formats, "delimiter": delimiter, "encoding": encoding, "file_name": name} {
			if value != "" {
				query.Set(key, value)
			}
		}
		for _, path := range []string{"/api/v1/previews?", "/api/v1/imports?"} {
			s.send(t, http.MethodPost, path+query.Encode(), file, "Content-Type", "text/csv")
		}
	})
}
