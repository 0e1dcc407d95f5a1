package edge_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/auth"
	"headway/services/edge"
)

func TestUploadInPartsBecomesOneImport(t *testing.T) {
	b := setupTus(t, nil)
	workbook := workbookOf(1_500_000)
	path := b.begin(len(workbook), "filename", "Löhne.xlsx", "schema", "workforce", "on_issues", "skip_rows", "dry_run", "true", "filetype", xlsxType, "name", "x")
	for offset := 0; offset < len(workbook); offset += 600_000 {
		if got := b.offset(path); got != fmt.Sprint(offset) {
			t.Fatalf("offset %s, want %d", got, offset)
		}
		b.refused(b.makeImport(path), http.StatusConflict, "UPLOAD_INCOMPLETE")
		end := min(offset+600_000, len(workbook))
		resp := b.append(path, offset, strings.NewReader(workbook[offset:end]))
		if resp.StatusCode != http.StatusNoContent || resp.Header.Get("Upload-Offset") != fmt.Sprint(end) || resp.Header.Get("Upload-Expires") == "" {
			t.Fatalf("part at %d: %s %v", offset, resp.Status, resp.Header)
		}
	}
	for i, replayed := range []bool{false, true, true} {
		resp := b.makeImport(path)
		status, answer := b.decode(resp)
		accepted, _ := answer["import"].(map[string]any)
		links, _ := answer["links"].(map[string]any)
		sum := sha256.Sum256([]byte(workbook))
		if status != http.StatusAccepted || accepted["importId"] != "imp-1" || accepted["owner"] != "ann" || answer["replayed"] != replayed ||
			resp.Header.Get("Location") != "/api/v1/imports/imp-1" || links["stream"] != "/api/v1/sse/imports/imp-1" || accepted["sha256"] != hex.EncodeToString(sum[:]) {
			t.Fatalf("call %d: %d %v", i, status, answer)
		}
	}
	_, kept, _, _, o := b.uploads()
	if kept != 1 || b.importer.uploads != 1 {
		t.Errorf("%d imports of %d uploads, want one", kept, b.importer.uploads)
	}
	if o.GetFileName() != "Löhne.xlsx" || o.GetOnIssues() != importsv1.OnIssues_ON_ISSUES_SKIP_ROWS || !o.GetDryRun() || o.GetSizeBytes() != int64(len(workbook)) || o.GetRequestId() != "upload:"+filepath.Base(path) {
		t.Errorf("options %v", o)
	}
	if got := b.offset(path); got != fmt.Sprint(len(workbook)) {
		t.Errorf("offset %s behind the end", got)
	}
	for _, name := range b.files() {
		if strings.HasSuffix(name, ".part") {
			t.Errorf("%s is kept", name)
		}
	}
}

func TestUploadAcceptsBytesAndMethodOverride(t *testing.T) {
	b := setupTus(t, nil)
	resp := b.tus(http.MethodPost, "/api/v1/uploads", strings.NewReader("PK1"), "Upload-Length", "6", "Content-Type", "application/offset+octet-stream")
	path := resp.Header.Get("Location")
	if resp.StatusCode != http.StatusCreated || resp.Header.Get("Upload-Offset") != "3" {
		t.Fatalf("%s %v", resp.Status, resp.Header)
	}
	override := func(method string, headers ...string) *http.Response {
		return b.tus(http.MethodPost, path, strings.NewReader("234"), append(headers, "X-HTTP-Method-Override", method, "Content-Type", "application/offset+octet-stream")...)
	}
	if resp := override("PATCH", "Upload-Offset", "3"); resp.StatusCode != http.StatusNoContent || resp.Header.Get("Upload-Offset") != "6" {
		t.Errorf("override: %s %v", resp.Status, resp.Header)
	}
	b.refused(override("PUT"), http.StatusBadRequest, "FORM_INVALID")
	if resp := b.makeImport(path, "Authorization", "Bearer "+b.token("ann")); resp.StatusCode != http.StatusAccepted {
		t.Errorf("import: %s", resp.Status)
	}
	// An upload that is refused with its first bytes never starts.
	for _, body := range []io.Reader{strings.NewReader("PK12345"), io.MultiReader(strings.NewReader("PK12345"))} {
		resp := b.tus(http.MethodPost, "/api/v1/uploads", body, "Upload-Length", "6", "Content-Type", "application/offset+octet-stream")
		if resp.Header.Get("Location") != "" {
			t.Error("a place for what was refused")
		}
		b.refused(resp, http.StatusRequestEntityTooLarge, "UPLOAD_TOO_LARGE")
	}
	if got := b.files(); len(got) != 1 {
		t.Errorf("kept: %v", got)
	}
}

func TestUploadCutInItsFirstBytesNeverStarts(t *testing.T) {
	b := setupTus(t, nil)
	conn := b.dialPart(http.MethodPost, "/api/v1/uploads", 6, "Upload-Length: 6")
	fmt.Fprint(conn, "PK1")
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(conn)
	if err != nil || !strings.Contains(string(text), "UPLOAD_INTERRUPTED") || strings.Contains(string(text), "stored") || strings.Contains(string(text), "Location:") {
		t.Errorf("%v %s", err, text)
	}
	if got := b.files(); len(got) != 0 {
		t.Errorf("kept: %v", got)
	}
}

func TestTusConformance(t *testing.T) {
	b := setupTus(t, func(c *edge.Config) { c.MaxUploadBytes = 1 << 20 })
	resp := b.do(http.MethodOptions, "/api/v1/uploads", nil, "Authorization", "")
	if h := resp.Header; resp.StatusCode != http.StatusNoContent || h.Get("Tus-Version") != "1.0.0" || h.Get("Tus-Resumable") != "1.0.0" ||
		h.Get("Tus-Max-Size") != "1048576" || h.Get("Tus-Extension") != "creation,creation-with-upload,creation-defer-length,concatenation,termination,expiration" {
		t.Errorf("options: %s %v", resp.Status, h)
	}
	resp = b.do(http.MethodPost, "/api/v1/uploads", nil, "Upload-Length", "5", "Tus-Resumable", "0.2.2")
	if resp.Header.Get("Tus-Version") != "1.0.0" {
		t.Errorf("no Tus-Version: %v", resp.Header)
	}
	b.refused(resp, http.StatusPreconditionFailed, "TUS_VERSION_UNSUPPORTED")
	for name, test := range map[string]struct {
		headers []string
		status  int
		reason  string
	}{
		"no length":                     {nil, 400, "FORM_INVALID"},
		"a wrong deferral":              {[]string{"Upload-Defer-Length", "2"}, 400, "FORM_INVALID"},
		"a wrong concatenation":         {[]string{"Upload-Length", "5", "Upload-Concat", "half"}, 400, "FORM_INVALID"},
		"a joined upload without parts": {[]string{"Upload-Concat", "final;"}, 400, "FORM_INVALID"},
		"a joining of unknown":          {[]string{"Upload-Concat", "final;/api/v1/uploads/x"}, 404, "UPLOAD_NOT_FOUND"},
		"a length below 0":              {[]string{"Upload-Length", "-1"}, 400, "FORM_INVALID"},
		"a length over the limit":       {[]string{"Upload-Length", "1048577"}, 413, "UPLOAD_TOO_LARGE"},
		"an unknown field":              {[]string{"Upload-Length", "5", "Upload-Metadata", metadataOf("shcema", "workforce")}, 400, "FORM_INVALID"},
		"a value without base64":        {[]string{"Upload-Length", "5", "Upload-Metadata", "schema §"}, 400, "FORM_INVALID"},
		"a value with bad UTF-8":        {[]string{"Upload-Length", "5", "Upload-Metadata", "schema /w=="}, 400, "FORM_INVALID"},
		"a field twice":                 {[]string{"Upload-Length", "5", "Upload-Metadata", metadataOf("schema", "a", "schema", "b")}, 400, "FORM_INVALID"},
		"an unknown policy":             {[]string{"Upload-Length", "5", "Upload-Metadata", metadataOf("on_issues", "ignore")}, 400, "FORM_INVALID"},
		"an invalid request ID":         {[]string{"Upload-Length", "5", "Upload-Metadata", metadataOf("request_id", "a b")}, 400, "REQUEST_INVALID"},
	} {
		t.Run(name, func(t *testing.T) {
			b.refused(b.tus(http.MethodPost, "/api/v1/uploads", nil, test.headers...), test.status, test.reason)
		})
	}
	b.refused(b.tus(http.MethodPost, "/api/v1/uploads", strings.NewReader("x"), "Upload-Length", "5", "Content-Type", "text/plain"), 415, "MEDIA_TYPE_UNSUPPORTED")
	if got := b.files(); len(got) != 0 {
		t.Errorf("kept: %v", got)
	}

	path := b.begin(6)
	b.refused(b.do(http.MethodPatch, path, strings.NewReader("PK")), 412, "TUS_VERSION_UNSUPPORTED")
	b.refused(b.append(path, 0, strings.NewReader("PK"), "Content-Type", "application/octet-stream"), 415, "MEDIA_TYPE_UNSUPPORTED")
	b.refused(b.append(path, 0, strings.NewReader("PK"), "Upload-Offset", "x"), 400, "FORM_INVALID")
	b.refused(b.append(path, 0, strings.NewReader("PK34567")), 413, "UPLOAD_TOO_LARGE")
	resp = b.append(path, 2, strings.NewReader("34"))
	if resp.Header.Get("Upload-Offset") != "0" {
		t.Errorf("the true offset is %q", resp.Header.Get("Upload-Offset"))
	}
	b.refused(resp, 409, "UPLOAD_OFFSET_MISMATCH")
	b.refused(b.do(http.MethodPost, "/api/v1/imports?schema=x&upload_id="+filepath.Base(path), nil), 400, "FORM_INVALID")
	b.refused(b.do(http.MethodPost, "/api/v1/imports?upload_id="+filepath.Base(path), strings.NewReader("PK")), 400, "FORM_INVALID")
	if got := b.offset(path); got != "0" {
		t.Errorf("offset %s", got)
	}
	if resp := b.append(path, 0, strings.NewReader("")); resp.StatusCode != 204 {
		t.Errorf("an empty part: %s", resp.Status)
	}
	// A part of unknown length exceeds the upload's length. The bytes that fit are kept.
	b.refused(b.append(path, 0, io.MultiReader(strings.NewReader("PK34567"))), 413, "UPLOAD_TOO_LARGE")
	if got := b.offset(path); got != "6" {
		t.Errorf("offset %s", got)
	}
	if resp := b.tus(http.MethodDelete, path, nil); resp.StatusCode != http.StatusNoContent {
		t.Errorf("delete: %s", resp.Status)
	}
	b.refused(b.tus(http.MethodDelete, path, nil), 404, "UPLOAD_NOT_FOUND")
	if resp := b.tus(http.MethodHead, path, nil); resp.StatusCode != 404 {
		t.Errorf("head of nothing: %s", resp.Status)
	}
	if got := b.files(); len(got) != 0 {
		t.Errorf("kept: %v", got)
	}
}

func TestUploadLengthCanBeDeclaredLater(t *testing.T) {
	b := setupTus(t, func(c *edge.Config) { c.MaxUploadBytes = 10 })
	resp := b.tus(http.MethodPost, "/api/v1/uploads", nil, "Upload-Defer-Length", "1")
	path := resp.Header.Get("Location")
	if resp.StatusCode != http.StatusCreated || path == "" {
		t.Fatalf("%s %v", resp.Status, resp.Header)
	}
	if resp := b.append(path, 0, strings.NewReader("PK3")); resp.StatusCode != http.StatusNoContent {
		t.Fatal(resp.Status)
	}
	head := b.tus(http.MethodHead, path, nil).Header
	if head.Get("Upload-Defer-Length") != "1" || head.Get("Upload-Length") != "" || head.Get("Upload-Offset") != "3" {
		t.Errorf("head: %v", head)
	}
	b.refused(b.makeImport(path), http.StatusConflict, "UPLOAD_INCOMPLETE")
	b.refused(b.append(path, 3, strings.NewReader("45678901")), http.StatusRequestEntityTooLarge, "UPLOAD_TOO_LARGE")
	b.refused(b.append(path, 3, io.MultiReader(strings.NewReader("45678901"))), http.StatusRequestEntityTooLarge, "UPLOAD_TOO_LARGE")
	b.refused(b.append(path, 10, strings.NewReader(""), "Upload-Length", "11"), http.StatusRequestEntityTooLarge, "UPLOAD_TOO_LARGE")
	b.refused(b.append(path, 10, strings.NewReader(""), "Upload-Length", "9"), http.StatusBadRequest, "FORM_INVALID")
	if resp := b.append(path, 10, strings.NewReader(""), "Upload-Length", "10"); resp.StatusCode != http.StatusNoContent {
		t.Fatal(resp.Status)
	}
	if resp := b.makeImport(path); resp.StatusCode != http.StatusAccepted {
		t.Error(resp.Status)
	}
}

func TestUploadsInParallelBecomeOneImport(t *testing.T) {
	b := setupTus(t, nil)
	var parts []string
	for _, text := range []string{"PK12", "345", "6"} {
		resp := b.tus(http.MethodPost, "/api/v1/uploads", strings.NewReader(text), "Upload-Concat", "partial", "Upload-Length", fmt.Sprint(len(text)),
			"Content-Type", "application/offset+octet-stream")
		if resp.StatusCode != http.StatusCreated {
			t.Fatal(resp.Status)
		}
		parts = append(parts, resp.Header.Get("Location"))
	}
	b.refused(b.makeImport(parts[0]), http.StatusBadRequest, "FORM_INVALID")
	join := func() string {
		resp := b.tus(http.MethodPost, "/api/v1/uploads", nil, "Upload-Concat", "final;"+strings.Join(parts, " "), "Upload-Metadata", metadataOf("filename", "staff.xlsx", "caption", "ours"))
		if resp.StatusCode != http.StatusCreated {
			t.Fatal(resp.Status)
		}
		return resp.Header.Get("Location")
	}
	path := join()
	if join() != path {
		t.Error("joined twice")
	}
	head := b.tus(http.MethodHead, path, nil).Header
	if head.Get("Upload-Length") != "8" || head.Get("Upload-Offset") != "8" || head.Get("Upload-Concat") != "final;"+strings.Join(parts, " ") {
		t.Errorf("head: %v", head)
	}
	b.refused(b.append(path, 8, strings.NewReader("7")), http.StatusForbidden, "FORM_INVALID")
	if resp := b.makeImport(path); resp.StatusCode != http.StatusAccepted {
		t.Fatal(resp.Status)
	}
	sum := sha256.Sum256([]byte("PK123456"))
	if _, _, _, sha, options := b.uploads(); sha != hex.EncodeToString(sum[:]) || options.GetFileName() != "staff.xlsx" {
		t.Errorf("%s %v", sha, options)
	}
}

func TestCompleteUploadIsNotUnfinished(t *testing.T) {
	b := setupTus(t, func(c *edge.Config) { c.UnfinishedPerUser = 1 })
	for range 3 {
		path := b.begin(5)
		if resp := b.append(path, 0, strings.NewReader("PK345")); resp.StatusCode != http.StatusNoContent {
			t.Fatal(resp.Status)
		}
	}
}

func TestUploadOfAnotherUserIsNotFound(t *testing.T) {
	b := setupTus(t, nil)
	path := b.begin(6)
	for name, token := range map[string]string{"another user": b.token("bob"), "an admin": b.token("eve", auth.ScopeAdmin)} {
		as := []string{"Authorization", "Bearer " + token}
		if resp := b.tus(http.MethodHead, path, nil, as...); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: head: %s", name, resp.Status)
		}
		b.refused(b.append(path, 0, strings.NewReader("PK3456"), as...), http.StatusNotFound, "UPLOAD_NOT_FOUND")
		b.refused(b.tus(http.MethodDelete, path, nil, as...), http.StatusNotFound, "UPLOAD_NOT_FOUND")
		b.refused(b.makeImport(path, as...), http.StatusNotFound, "UPLOAD_NOT_FOUND")
	}
	b.refused(b.append(path, 0, strings.NewReader("PK3456"), "Authorization", ""), http.StatusUnauthorized, "TOKEN_MISSING")
	if got := b.offset(path); got != "0" {
		t.Errorf("offset %s", got)
	}
	b.refused(b.makeImport("/../etc/passwd"), http.StatusNotFound, "UPLOAD_NOT_FOUND")
}

func TestRepeatedRefusalIsTheSameAndLeavesNoBytes(t *testing.T) {
	b := setupTus(t, nil)
	path := b.begin(5)
	b.append(path, 0, strings.NewReader("hello"))
	for range 2 {
		b.refused(b.makeImport(path), http.StatusBadRequest, "NOT_A_WORKBOOK")
	}
	if b.importer.uploads != 1 {
		t.Errorf("the importer was asked %d times", b.importer.uploads)
	}
	if got := b.files(); len(got) != 1 || !strings.HasSuffix(got[0], ".json") {
		t.Errorf("kept: %v", got)
	}
	b.nothingKept()
}

func TestLostResponseDoesNotImportTwice(t *testing.T) {
	b := setupTus(t, nil)
	b.importer.loseAnswers = 1
	path := b.begin(5)
	b.append(path, 0, strings.NewReader("PK345"))
	b.refused(b.makeImport(path), http.StatusServiceUnavailable, "SHUTTING_DOWN")
	status, answer := b.decode(b.makeImport(path))
	if status != http.StatusAccepted || answer["replayed"] != true {
		t.Fatalf("%d %v", status, answer)
	}
	if _, kept, _, _, _ := b.uploads(); kept != 1 {
		t.Errorf("%d imports", kept)
	}
}

func TestUnfinishedUploadsExpire(t *testing.T) {
	b := setupTus(t, func(c *edge.Config) { c.UploadTTL = 300 * time.Millisecond })
	resp := b.tus(http.MethodPost, "/api/v1/uploads", nil, "Upload-Length", "5")
	path := resp.Header.Get("Location")
	eventually(t, "nothing is kept", func() bool { return len(b.files()) == 0 })
	b.refused(b.append(path, 0, strings.NewReader("PK345")), http.StatusNotFound, "UPLOAD_NOT_FOUND")
}

func TestUnfinishedUploadsOfAUserAreLimited(t *testing.T) {
	b := setupTus(t, func(c *edge.Config) { c.UnfinishedPerUser, c.UnfinishedBytesPerUser = 2, 100 })
	create := func(length int, headers ...string) *http.Response {
		return b.tus(http.MethodPost, "/api/v1/uploads", nil, append(headers, "Upload-Length", fmt.Sprint(length))...)
	}
	path := b.begin(60)
	b.refused(create(41), http.StatusTooManyRequests, "UPLOAD_LIMIT") // too many bytes
	b.begin(40)
	b.refused(create(0), http.StatusTooManyRequests, "UPLOAD_LIMIT") // too many uploads
	if resp := create(100, "Authorization", "Bearer "+b.token("bob")); resp.StatusCode != http.StatusCreated {
		t.Errorf("another user: %s", resp.Status)
	}
	b.tus(http.MethodDelete, path, nil)
	b.begin(60)
}

func TestUnfinishedUploadsOfAllAreLimited(t *testing.T) {
	b := setupTus(t, func(c *edge.Config) { c.UnfinishedBytes = 100 })
	b.begin(60)
	bob := []string{"Authorization", "Bearer " + b.token("bob")}
	b.refused(b.tus(http.MethodPost, "/api/v1/uploads", nil, append(bob, "Upload-Length", "41")...), http.StatusServiceUnavailable, "UNAVAILABLE")
	if resp := b.tus(http.MethodPost, "/api/v1/uploads", nil, append(bob, "Upload-Length", "40")...); resp.StatusCode != http.StatusCreated {
		t.Errorf("an upload that fits: %s", resp.Status)
	}
}

func TestPartsCountAsRunningUploads(t *testing.T) {
	b := setupTus(t, func(c *edge.Config) { c.UploadsPerUser, c.StallTimeout = 1, 10*time.Second })
	conn := b.dialUpload("application/octet-stream", 5)
	fmt.Fprint(conn, "PK")
	eventually(t, "the first begins", func() bool { running, _, _, _, _ := b.uploads(); return running == 1 })
	path := b.begin(5)
	b.refused(b.append(path, 0, strings.NewReader("PK345")), http.StatusLocked, "UPLOAD_BUSY")
	if got := b.offset(path); got != "0" {
		t.Errorf("offset %s", got)
	}
}

func TestAllowedOriginsCanUploadWithTus(t *testing.T) {
	b := setupTus(t, func(c *edge.Config) { c.CORSOrigins = []string{"https://app.example.com"} })
	origin := []string{"Origin", "https://app.example.com"}
	resp := b.do(http.MethodOptions, "/api/v1/uploads/x", nil, append(origin, "Authorization", "", "Access-Control-Request-Method", "PATCH",
		"Access-Control-Request-Headers", "tus-resumable,upload-offset,content-type,authorization")...)
	allowed := strings.ToLower(resp.Header.Get("Access-Control-Allow-Headers"))
	for _, name := range []string{"tus-resumable", "upload-length", "upload-metadata", "upload-offset", "content-type"} {
		if !strings.Contains(allowed, name) {
			t.Errorf("the preflight does not allow %s: %s", name, allowed)
		}
	}
	if resp.StatusCode != http.StatusNoContent || !strings.Contains(resp.Header.Get("Access-Control-Allow-Methods"), "PATCH") {
		t.Errorf("preflight: %s %v", resp.Status, resp.Header)
	}
	exposed := strings.ToLower(b.tus(http.MethodPost, "/api/v1/uploads", nil, append(origin, "Upload-Length", "5")...).Header.Get("Access-Control-Expose-Headers"))
	for _, name := range []string{"location", "upload-offset", "upload-length", "upload-metadata", "upload-expires", "tus-resumable", "tus-version", "tus-extension", "tus-max-size"} {
		if !strings.Contains(exposed, name) {
			t.Errorf("%s is not exposed: %s", name, exposed)
		}
	}
}
