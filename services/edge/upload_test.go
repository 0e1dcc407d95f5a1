package edge_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/services/edge"
)

// form writes a multipart form with fields as name and value. The field with the name "file" is the file.
func form(t *testing.T, parts ...string) (io.Reader, string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i < len(parts); i += 2 {
		var part io.Writer
		var err error
		if parts[i] == "file" {
			part, err = w.CreateFormFile("file", "staff.xlsx")
		} else {
			part, err = w.CreateFormField(parts[i])
		}
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(part, parts[i+1])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b, w.FormDataContentType()
}

func (b *bench) upload(body io.Reader, contentType, query string) *http.Response {
	b.t.Helper()
	return b.do(http.MethodPost, "/api/v1/imports"+query, body, "Content-Type", contentType)
}

func (b *bench) uploads() (running, kept, largest int, sha string, options *importsv1.UploadOptions) {
	f := b.importer
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.running, f.kept, f.largest, f.sha, f.options
}

// nothingKept waits until the importer has no unfinished upload, and checks that none arrived.
func (b *bench) nothingKept() {
	b.t.Helper()
	eventually(b.t, "the upload ends at the importer", func() bool { running, _, _, _, _ := b.uploads(); return running == 0 })
	if _, kept, _, _, _ := b.uploads(); kept != 0 {
		b.t.Errorf("%d uploads were kept", kept)
	}
}

func TestFormAndRawUploadsGetLinks(t *testing.T) {
	b := setup(t, nil)
	workbook := "PK" + strings.Repeat("0123456789", 200_000) // 2 MB
	sum := sha256.Sum256([]byte(workbook))
	want := hex.EncodeToString(sum[:])
	body, contentType := form(t, "schema", "workforce", "on_issues", "skip_rows", "mode", "INSERT_ONLY", "dry_run", "true", "request_id", "r-1",
		"mapping", `[{"sheet":"employees","workbookSheet":"Staff","columns":{"code":"No."}}]`, "file", workbook)
	for name, upload := range map[string]func() *http.Response{
		"a form": func() *http.Response { return b.upload(body, contentType, "") },
		"a body": func() *http.Response {
			return b.upload(strings.NewReader(workbook), xlsxType, "?schema=workforce&on_issues=skip_rows&mode=insert_only&dry_run=true&request_id=r-1&file_name=staff.xlsx"+
				"&mapping=%5B%7B%22sheet%22%3A%22employees%22%2C%22workbookSheet%22%3A%22Staff%22%2C%22columns%22%3A%7B%22code%22%3A%22No.%22%7D%7D%5D")
		},
		"a stream of unknown length": func() *http.Response {
			return b.upload(io.MultiReader(strings.NewReader(workbook)), "application/octet-stream",
				"?schema=workforce&on_issues=skip_rows&mode=insert_only&dry_run=true&request_id=r-1&filename=staff.xlsx&mapping=%5B%7B%22sheet%22%3A%22employees%22%2C%22workbookSheet%22%3A%22Staff%22%2C%22columns%22%3A%7B%22code%22%3A%22No.%22%7D%7D%5D")
		},
	} {
		resp := upload()
		status, answer := b.decode(resp)
		accepted, _ := answer["import"].(map[string]any)
		links, _ := answer["links"].(map[string]any)
		if status != http.StatusAccepted || accepted["sha256"] != want || accepted["owner"] != "ann" || answer["replayed"] != false {
			t.Fatalf("%s: %d %v", name, status, answer)
		}
		if resp.Header.Get("Location") != "/api/v1/imports/imp-1" || links["self"] != "/api/v1/imports/imp-1" || links["job"] != "/api/v1/jobs/imp-1" ||
			links["stream"] != "/api/v1/sse/imports/imp-1" || links["issues"] == nil || links["report"] != "/api/v1/imports/imp-1/report.xlsx" ||
			links["imported"] != "/api/v1/imports/imp-1/imported.xlsx" {
			t.Errorf("%s: links %v", name, links)
		}
		_, _, largest, _, o := b.uploads()
		if o.GetSchema() != "workforce" || o.GetOnIssues() != importsv1.OnIssues_ON_ISSUES_SKIP_ROWS || o.GetMode() != importsv1.ImportMode_IMPORT_MODE_INSERT_ONLY ||
			!o.GetDryRun() || o.GetRequestId() != "r-1" || o.GetFileName() != "staff.xlsx" || o.GetMapping()[0].GetColumns()["code"] != "No." {
			t.Errorf("%s: options %v", name, o)
		}
		if size := o.GetSizeBytes(); (name == "a body") != (size == int64(len(workbook))) {
			t.Errorf("%s: size %d", name, size)
		}
		if largest > 1<<20 {
			t.Errorf("%s: a chunk of %d bytes", name, largest)
		}
	}
}

func TestInvalidFormIsRefusedAndLeavesNothing(t *testing.T) {
	b := setup(t, nil)
	for name, test := range map[string]struct {
		parts  []string
		reason string
		says   string
	}{
		"no file":                {[]string{"schema", "workforce"}, "FILE_MISSING", "file"},
		"a field after the file": {[]string{"file", "PK1", "schema", "workforce"}, "FORM_INVALID", "before"},
		"an unknown field":       {[]string{"shcema", "workforce", "file", "PK1"}, "FORM_INVALID", "shcema"},
		"an unknown policy":      {[]string{"on_issues", "ignore", "file", "PK1"}, "FORM_INVALID", "skip_rows"},
		"an unspecified policy":  {[]string{"on_issues", "unspecified", "file", "PK1"}, "FORM_INVALID", "skip_rows"},
		"a broken mapping":       {[]string{"mapping", "{", "file", "PK1"}, "FORM_INVALID", "JSON"},
		"an invalid mapping":     {[]string{"mapping", `[{"x":1}]`, "file", "PK1"}, "FORM_INVALID", "mapping[0]"},
		"an invalid flag":        {[]string{"dry_run", "perhaps", "file", "PK1"}, "FORM_INVALID", "true or false"},
		"a flag twice":           {[]string{"dry_run", "true", "dry_run", "false", "file", "PK1"}, "FORM_INVALID", "two values"},
		"a flag by two names":    {[]string{"dry_run", "true", "dryRun", "false", "file", "PK1"}, "FORM_INVALID", "two values"},
		"a field too long":       {[]string{"mapping", strings.Repeat("x", 300<<10), "file", "PK1"}, "FORM_INVALID", "longer"},
		"a format of no file":    {[]string{"text_formats", "[1]", "file", "PK1"}, "FORM_INVALID", "staff.csv"},
		"a field after a file":   {[]string{"file", "PK1", "file", "PK2", "schema", "workforce"}, "FORM_INVALID", "before"},
		"invalid UTF-8":          {[]string{"schema", "\xff\xfe", "file", "PK1"}, "FORM_INVALID", "schema"},
		"not a workbook":         {[]string{"file", "hello"}, "NOT_A_WORKBOOK", "workbook"},
		"an empty file":          {[]string{"file", ""}, "FILE_EMPTY", "empty"},
	} {
		body, contentType := form(t, test.parts...)
		status, answer := b.decode(b.upload(body, contentType, ""))
		if status != http.StatusBadRequest || answer["reason"] != test.reason || !strings.Contains(answer["message"].(string), test.says) {
			t.Errorf("%s: %d %v", name, status, answer)
		}
	}
	b.refused(b.upload(strings.NewReader("PK"), xlsxType, "?schema=a&schema=b"), http.StatusBadRequest, "FORM_INVALID")
	b.refused(b.upload(strings.NewReader("PK"), xlsxType, "?dry_run=true&dryRun=false"), http.StatusBadRequest, "FORM_INVALID")
	body, contentType := form(t, "dry_run", "false", "file", "PK1")
	b.refused(b.upload(body, contentType, "?dry_run=true"), http.StatusBadRequest, "FORM_INVALID")
	b.refused(b.upload(strings.NewReader("PK"), "text/html", ""), http.StatusUnsupportedMediaType, "MEDIA_TYPE_UNSUPPORTED")
	b.refused(b.upload(strings.NewReader("PK"), "multipart/form-data", ""), http.StatusBadRequest, "FORM_INVALID")
	b.refused(b.do(http.MethodPost, "/api/v1/imports", strings.NewReader("\x1f\x8b"), "Content-Type", contentType, "Content-Encoding", "gzip"),
		http.StatusUnsupportedMediaType, "MEDIA_TYPE_UNSUPPORTED")
	b.nothingKept()
}

// part writes the head of a part of a form.
func part(headers string) string { return "--BOUNDARY\r\n" + headers + "\r\n\r\n" }

func TestFormsOfOtherClientsAreAccepted(t *testing.T) {
	b := setup(t, nil)
	const end = "\r\n--BOUNDARY--\r\n"
	file := func(name, fileName string) string {
		return part("Content-Disposition: form-data; name=\""+name+"\"; filename=\""+fileName+"\"\r\nContent-Type: application/zip") + "PK123"
	}
	field := func(name, value string) string {
		return part("Content-Disposition: form-data; name=\""+name+"\"") + value + "\r\n"
	}
	for name, test := range map[string]struct{ body, fileName string }{
		"FilePond":                     {field("filepond", "{}") + file("filepond", "staff.xlsx") + end, "staff.xlsx"},
		"a list of files":              {file("files[]", "staff.xlsx") + end, "staff.xlsx"},
		"a Latin-1 name":               {file("file", "L\xf6hne.xlsx") + end, "Löhne.xlsx"},
		"an encoded name":              {file("file", "=?utf-8?B?TMO2aG5lLnhsc3g=?=") + end, "Löhne.xlsx"},
		"a name with a Windows folder": {file("upload", `C:\fakepath\staff.xlsx`) + end, "staff.xlsx"},
		"fields of the client's own":   {field("caption", "ours") + field("csrf_token", "x") + file("file", "staff.xlsx") + end, "staff.xlsx"},
		"a submit button at the end":   {file("file", "staff.xlsx") + "\r\n" + field("submit", "Upload") + end[2:], "staff.xlsx"},
		"an option said again":         {field("schema", "workforce") + file("file", "staff.xlsx") + "\r\n" + field("schema", "workforce") + end[2:], "staff.xlsx"},
		"options in camel case":        {field("onIssues", "abort") + field("dryRun", "false") + file("file", "staff.xlsx") + end, "staff.xlsx"},
	} {
		resp := b.upload(strings.NewReader(test.body), "multipart/form-data; boundary=BOUNDARY", "")
		if status, answer := b.decode(resp); status != http.StatusAccepted {
			t.Errorf("%s: %d %v", name, status, answer)
		}
		if _, _, _, _, options := b.uploads(); options.GetFileName() != test.fileName {
			t.Errorf("%s: file name %q, want %q", name, options.GetFileName(), test.fileName)
		}
	}
	for _, kind := range []string{"", "application/vnd.ms-excel", "binary/octet-stream", "application/zip", "application/x-zip-compressed", "application/x-www-form-urlencoded"} {
		if resp := b.upload(strings.NewReader("PK123"), kind, ""); resp.StatusCode != http.StatusAccepted {
			t.Errorf("Content-Type %q: %s", kind, resp.Status)
		}
	}
}

// dial opens a bare connection and sends the head of an upload.
func (b *bench) dialUpload(contentType string, length int) net.Conn {
	b.t.Helper()
	host := strings.TrimPrefix(b.url, "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "POST /api/v1/imports HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n",
		host, b.token("ann"), contentType, length)
	return conn
}

func TestUploadCutInTheMiddleLeavesNothing(t *testing.T) {
	b := setup(t, nil)
	const boundary = "BOUNDARY"
	head := "--" + boundary + "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.xlsx\"\r\n\r\n"
	piece := "PK" + strings.Repeat("x", 600<<10)
	for name, send := range map[string]func(net.Conn){
		"the connection breaks": func(c net.Conn) { c.Close() },
		"the sender shuts down": func(c net.Conn) { c.(*net.TCPConn).CloseWrite() },
	} {
		for _, contentType := range []string{"multipart/form-data; boundary=" + boundary, "application/octet-stream"} {
			conn := b.dialUpload(contentType, 10<<20)
			if strings.HasPrefix(contentType, "multipart") {
				fmt.Fprint(conn, head)
			}
			fmt.Fprint(conn, piece)
			eventually(t, "the upload begins", func() bool { running, _, _, _, _ := b.uploads(); return running == 1 })
			send(conn)
			b.nothingKept()
			if t.Failed() {
				t.Fatal(name, contentType)
			}
		}
	}
	// The body has its declared length, but the form is incomplete.
	body := head + "PK123"
	conn := b.dialUpload("multipart/form-data; boundary="+boundary, len(body))
	fmt.Fprint(conn, body)
	text, err := io.ReadAll(conn)
	if err != nil || !strings.Contains(string(text), "UPLOAD_INTERRUPTED") {
		t.Errorf("%v %s", err, text)
	}
	b.nothingKept()
}

func TestStalledUploadIsAborted(t *testing.T) {
	b := setup(t, func(c *edge.Config) { c.StallTimeout = 200 * time.Millisecond })
	conn := b.dialUpload("application/octet-stream", 10<<20)
	fmt.Fprint(conn, "PK123")
	text, err := io.ReadAll(conn)
	if err != nil || !strings.Contains(string(text), "UPLOAD_INTERRUPTED") {
		t.Errorf("%v %s", err, text)
	}
	b.nothingKept()
}

func TestTooLargeUploadIsRefusedEarly(t *testing.T) {
	b := setup(t, func(c *edge.Config) { c.MaxUploadBytes = 3 << 20 })
	// By the declared length, the upload can be refused without reading the body.
	conn := b.dialUpload("application/octet-stream", 4<<20)
	answer := make([]byte, 12)
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "HTTP/1.1 413" {
		t.Errorf("%q %v", answer, err)
	}
	conn.Close()
	// With an unknown length, it is refused as soon as it exceeds the limit.
	large := func() io.Reader { return io.MultiReader(strings.NewReader("PK"), bytes.NewReader(make([]byte, 8<<20))) }
	b.refused(b.upload(large(), "application/octet-stream", ""), http.StatusRequestEntityTooLarge, "UPLOAD_TOO_LARGE")
	body, contentType := form(t, "file", "PK"+strings.Repeat("x", 3<<20))
	b.refused(b.upload(io.MultiReader(body), contentType, ""), http.StatusRequestEntityTooLarge, "UPLOAD_TOO_LARGE")
	b.nothingKept()
	body, contentType = form(t, "file", "PK"+strings.Repeat("x", 3<<20-2)) // the form around it does not count
	if resp := b.upload(body, contentType, ""); resp.StatusCode != http.StatusAccepted {
		t.Errorf("at the limit: %s", resp.Status)
	}
}

func TestRefusalDoesNotWaitForTheBody(t *testing.T) {
	b := setup(t, nil)
	conn := b.dialUpload("text/html", 1000) // no data follows
	answer := make([]byte, 12)
	if err := conn.SetReadDeadline(time.Now().Add(waitLimit)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "HTTP/1.1 415" {
		t.Errorf("%q %v", answer, err)
	}
}

func TestSenderGetsReasonWhileStillSending(t *testing.T) {
	b := setup(t, nil)
	body := io.MultiReader(strings.NewReader("no workbook"), bytes.NewReader(make([]byte, 40<<20)))
	b.refused(b.upload(body, "application/octet-stream", ""), http.StatusBadRequest, "NOT_A_WORKBOOK")
	b.nothingKept()
}

func TestUploadsOfAUserAreLimited(t *testing.T) {
	b := setup(t, func(c *edge.Config) { c.UploadsPerUser, c.StallTimeout = 1, 10*time.Second })
	conn := b.dialUpload("application/octet-stream", 5)
	fmt.Fprint(conn, "PK")
	eventually(t, "the first begins", func() bool { running, _, _, _, _ := b.uploads(); return running == 1 })
	b.refused(b.upload(strings.NewReader("PK123"), xlsxType, ""), http.StatusTooManyRequests, "UPLOAD_LIMIT")
	if resp := b.do(http.MethodPost, "/api/v1/imports", strings.NewReader("PK123"), "Content-Type", xlsxType, "Authorization", "Bearer "+b.token("bob")); resp.StatusCode != http.StatusAccepted {
		t.Errorf("another user: %s", resp.Status)
	}
	fmt.Fprint(conn, "123")
	eventually(t, "the first is done", func() bool { _, kept, _, _, _ := b.uploads(); return kept == 2 })
	eventually(t, "room again", func() bool {
		return b.upload(strings.NewReader("PK123"), xlsxType, "").StatusCode == http.StatusAccepted
	})
}

func TestSlowImporterSlowsTheSenderAndFillsNoMemory(t *testing.T) {
	b := setup(t, nil)
	hold := make(chan struct{})
	b.importer.hold = hold
	// Data that was read from the sender and has not reached the importer is in memory, or in the buffers of two
	// connections.
	var inTransit int64
	sent := &countingReader{left: 256 << 20, before: func(taken int64) {
		b.importer.state(func() { inTransit = max(inTransit, taken-b.importer.received) })
	}}
	answered := make(chan int, 1)
	go func() {
		req := b.request(http.MethodPost, "/api/v1/imports", sent, "Content-Type", "application/octet-stream")
		resp, err := b.client.Do(req)
		if err != nil {
			answered <- 0
			return
		}
		resp.Body.Close()
		answered <- resp.StatusCode
	}()
	var before int64
	eventually(t, "the sender is blocked", func() bool {
		now := sent.read()
		still := now > 0 && now == before
		before = now
		time.Sleep(100 * time.Millisecond)
		return still
	})
	if before == 0 {
		t.Error("nothing was taken")
	}
	close(hold)
	if status := <-answered; status != http.StatusAccepted {
		t.Errorf("status %d", status)
	}
	if inTransit > 32<<20 {
		t.Errorf("%d MiB were in transit", inTransit>>20)
	}
}

// TestTrickledUploadIsAborted: a sender that is never silent for long, but sends next to nothing, has stalled too.
func TestTrickledUploadIsAborted(t *testing.T) {
	b := setup(t, func(c *edge.Config) { c.StallTimeout = time.Second })
	conn := b.dialUpload("application/octet-stream", 10<<20)
	fmt.Fprint(conn, "PK")
	done := make(chan struct{})
	defer func() { <-done }()
	defer conn.Close()
	go func() {
		defer close(done)
		for range 200 { // a third of the rate that is enough
			time.Sleep(300 * time.Millisecond)
			if _, err := conn.Write([]byte("x")); err != nil {
				return
			}
		}
	}()
	if err := conn.SetReadDeadline(time.Now().Add(waitLimit)); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 4096)
	n, err := conn.Read(answer)
	if err != nil || !strings.Contains(string(answer[:n]), "UPLOAD_INTERRUPTED") {
		t.Errorf("%v %s", err, answer[:n])
	}
	b.nothingKept()
}
