package fuzz

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// hostile are values for IDs, parameters, headers, and bodies.
var hostile = []string{
	"", "x", "\xff\xfe", "\x00", "../../etc/passwd", "%2e%2e%2f", "a/b", "a:b", ":cancel", strings.Repeat("x", 5000), "é", "\u202e", "-1", "1e999",
	"18446744073709551616", "null", "' OR 1=1 --", "=cmd|' /C calc'!A0", ";", "&&==", "5", "true", "2026-01-31T08:00:00Z",
}

// FuzzREST sends IDs, queries, and JSON bodies to every route.
func FuzzREST(f *testing.F) {
	all := routes(f, func(route) bool { return true })
	for i := range all {
		f.Add(uint(i), "id", "", []byte(nil))
	}
	for i, value := range hostile {
		f.Add(uint(i), value, "pageSize="+url.QueryEscape(value)+"&kinds="+url.QueryEscape(value), []byte(value))
		f.Add(uint(i+len(hostile)), "workforce", url.QueryEscape(value)+"=1&search="+value+"&createdAfter="+url.QueryEscape(value), []byte(nil))
	}
	for i, r := range all {
		if r.method != http.MethodPost {
			continue
		}
		for _, body := range []string{
			`{"kind":"x","title":"t","steps":[{"name":"a","title":"A","weight":2}],"labels":{"a":"b"},"maxAttempts":3,"requestId":"r"}`,
			`{"kind":"x","notBefore":"2026-01-31T08:00:00Z","deadline":"2027-01-31T08:00:00Z","priority":5,"timeout":"1.5s"}`,
			`{"answer":{"a":1},"questionRevision":4}`, `{"error":{"reason":"R","message":"m"}}`, `{"decision":"import","revision":3}`, `{"secret":"x"}`,
			`{"kind":1}`, `[]`, `{}`, "\ufeff{}", `{"kind":"x","kind":"y"}`, `{"kind":"x","notBefore":"99999-01-01T00:00:00Z"}`,
		} {
			f.Add(uint(i), "id", "", []byte(body))
		}
	}
	s := start(f)
	f.Fuzz(func(t *testing.T, number uint, id, query string, body []byte) {
		r := all[number%uint(len(all))]
		target := r.at(id)
		if query != "" {
			// A space would end the address, and net/http resets connections of long requests that are not HTTP.
			target += "?" + strings.NewReplacer("#", "", " ", "%20").Replace(query)
		}
		a, ok := s.send(t, r.method, target, body, "Content-Type", "application/json", "Origin", s.url, "Tus-Resumable", "1.0.0")
		if ok {
			s.remove(t, a)
		}
	})
}

// remove deletes the job that a request created, so that the database does not grow.
func (s *server) remove(t testing.TB, a answer) {
	t.Helper()
	var created struct{ Job struct{ JobID string } }
	if json.Unmarshal(a.body, &created) != nil || created.Job.JobID == "" {
		return
	}
	s.send(t, http.MethodPost, "/api/v1/jobs/"+created.Job.JobID+":cancel", nil)
	s.send(t, http.MethodDelete, "/api/v1/jobs/"+created.Job.JobID, nil)
}

// FuzzPayload creates jobs with payloads. An accepted payload is returned unchanged, and can be listed and streamed.
func FuzzPayload(f *testing.F) {
	for _, payload := range append([]string{
		`{}`, `{"a":1}`, `{"a":9007199254740993}`, `{"a":1e400}`, `{"a":"\u0000"}`, `{"a":"\ud800"}`, `{"a":{"b":[[[]]]}}`, `{"a":1,"a":2}`, `{"":""}`, `[1]`, `"x"`, `1`, `null`,
		`{"a":-0.0}`, `{"a":1E+2}`, `{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, `{"a":"` + strings.Repeat("x", 9000) + `"}`, "{\"a\":\"\xff\"}",
	}, hostile...) {
		f.Add(payload)
	}
	s := start(f)
	f.Fuzz(func(t *testing.T, payload string) {
		a, ok := s.send(t, http.MethodPost, "/api/v1/jobs", []byte(`{"kind":"x","payload":`+payload+`}`), "Content-Type", "application/json")
		if !ok || a.status != http.StatusOK {
			return
		}
		if !json.Valid(a.body) {
			t.Fatalf("%q: the response is not JSON: %q", payload, a.body)
		}
		var created struct{ Job struct{ JobID string } }
		if err := json.Unmarshal(a.body, &created); err != nil || created.Job.JobID == "" {
			t.Fatalf("%q: %q", payload, a.body)
		}
		for _, path := range []string{"/api/v1/jobs/" + created.Job.JobID, "/api/v1/jobs?pageSize=5", "/api/v1/sse/jobs/x/" + created.Job.JobID} {
			if read, _ := s.send(t, http.MethodGet, path, nil); read.status != http.StatusOK {
				t.Fatalf("%q: %s: %d", payload, path, read.status)
			}
		}
		s.remove(t, a)
	})
}

// FuzzMultipart sends forms and other bodies to the route of uploads.
func FuzzMultipart(f *testing.F) {
	part := func(disposition, value string) string {
		return "--B\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + value + "\r\n"
	}
	form := "multipart/form-data; boundary=B"
	f.Add(form, []byte(part(`name="on_issues"`, "ask")+part(`name="file"; filename="a.xlsx"`, "PK\x03\x04")+"--B--\r\n"))
	f.Add(form, []byte(part(`name="files"; filename="=?UTF-8?B?w6Q=?="`, "PK\x05\x06"+strings.Repeat("\x00", 18))+"--B--\r\n"))
	f.Add(form, []byte(part(`name="mapping"`, `[{"sheet":"employees","columns":{"a":"b"}}]`)+part(`name="file"`, "")+part(`name="mode"`, "upsert")+"--B--\r\n"))
	f.Add(form, []byte(part("name=\"dry_run\"", "maybe")+"--B--\r\n"))
	f.Add(form, []byte("--B\r\n\r\n--B--\r\n"))
	f.Add("multipart/form-data", []byte("x"))
	f.Add("application/octet-stream", []byte("PK\x03\x04"))
	f.Add("text/csv", []byte("a,b\n1,2\n"))
	f.Add("", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"))
	for _, value := range hostile {
		f.Add(form, []byte(part(`name="`+value+`"`, value)+part(`name="file"; filename="`+value+`"`, value)+"--B--\r\n"))
		f.Add("multipart/form-data; boundary="+value, []byte("--"+value+"\r\n"))
	}
	s := start(f)
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		s.send(t, http.MethodPost, "/api/v1/imports", body, "Content-Type", contentType)
	})
}

// FuzzTus sends headers and bodies to the routes of resumable uploads.
func FuzzTus(f *testing.F) {
	f.Add("5", "0", "filename YS54bHN4,on_issues YXNr", "", "", []byte("hello"))
	f.Add("3", "3", "", "partial", "", []byte("abc"))
	f.Add("", "0", "a", "final;/api/v1/uploads/x /api/v1/uploads/y", "1", []byte(""))
	f.Add("0", "0", "dry_run bWF5YmU=", "final;", "1", []byte(""))
	f.Add("9999999999999", "-1", ",,, ,", "Partial", "0", []byte("x"))
	for _, value := range hostile {
		f.Add(value, value, value, value, value, []byte(value))
		f.Add("5", "0", value+" "+value+","+value, "", "", []byte(value))
	}
	s := start(f)
	f.Fuzz(func(t *testing.T, length, offset, metadata, concat, deferred string, body []byte) {
		header := func(headers ...string) (set []string) {
			set = []string{"Tus-Resumable", "1.0.0"}
			for i := 0; i < len(headers); i += 2 {
				if headers[i+1] != "" {
					set = append(set, headers[i], headers[i+1])
				}
			}
			return set
		}
		created, ok := s.send(t, http.MethodPost, "/api/v1/uploads", nil,
			header("Upload-Length", length, "Upload-Metadata", metadata, "Upload-Concat", concat, "Upload-Defer-Length", deferred)...)
		if !ok || created.status != http.StatusCreated {
			return
		}
		path := created.header.Get("Location")
		s.send(t, http.MethodPatch, path, body, header("Upload-Offset", offset, "Upload-Length", length, "Content-Type", "application/offset+octet-stream")...)
		s.send(t, http.MethodHead, path, nil, header()...)
		s.send(t, http.MethodPost, "/api/v1/imports?upload_id="+path[strings.LastIndex(path, "/")+1:], nil)
		if deleted, ok := s.send(t, http.MethodDelete, path, nil, header()...); ok && deleted.status != http.StatusNoContent {
			t.Fatalf("delete: %d %s", deleted.status, deleted.body)
		}
	})
}

// FuzzLastEventID opens every stream with an event ID, in the header and in the query.
func FuzzLastEventID(f *testing.F) {
	streams := routes(f, func(r route) bool { return r.method == http.MethodGet && strings.HasPrefix(r.path, "/api/v1/sse/") })
	for i, id := range append([]string{"0", "1x00000", "12xabcde", "99999999999999999999", "0x", "x", "1x1x1", "1700000000000"}, hostile...) {
		f.Add(uint(i), id)
	}
	s := start(f)
	created, _ := s.send(f, http.MethodPost, "/api/v1/jobs", []byte(`{"kind":"x"}`), "Content-Type", "application/json")
	var job struct{ Job struct{ JobID string } }
	if err := json.Unmarshal(created.body, &job); err != nil || job.Job.JobID == "" {
		f.Fatalf("%d %s", created.status, created.body)
	}
	f.Fuzz(func(t *testing.T, number uint, id string) {
		r := streams[number%uint(len(streams))]
		path := strings.NewReplacer("{kind}", "x", "{job_id}", job.Job.JobID, "{import_id}", job.Job.JobID).Replace(r.path)
		s.send(t, r.method, path, nil, "Last-Event-ID", id)
		s.send(t, r.method, path+"?last_event_id="+url.QueryEscape(id), nil)
	})
}
