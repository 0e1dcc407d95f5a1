package edge_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sizeOf returns the name of the first sheet of a preview, which is the size of the file that arrived.
func sizeOf(answer map[string]any) any {
	preview, _ := answer["preview"].(map[string]any)
	sheets, _ := preview["sheets"].([]any)
	if len(sheets) == 0 {
		return nil
	}
	return sheets[0].(map[string]any)["name"]
}

func TestFileIsPreviewedInEachForm(t *testing.T) {
	b := setupTus(t, nil)
	body, contentType := form(t, "schema", "workforce", "file", "PK12345")
	for name, resp := range map[string]*http.Response{
		"raw":  b.do(http.MethodPost, "/api/v1/previews?schema=workforce&file_name=staff.xlsx", strings.NewReader("PK12345"), "Content-Type", "application/octet-stream"),
		"form": b.do(http.MethodPost, "/api/v1/previews", body, "Content-Type", contentType),
	} {
		status, answer := b.decode(resp)
		if status != http.StatusOK || sizeOf(answer) != "7 bytes" {
			t.Errorf("%s: %d %v", name, status, answer)
		}
	}
	b.refused(b.do(http.MethodPost, "/api/v1/previews", strings.NewReader("PK"), "Authorization", ""), http.StatusUnauthorized, "TOKEN_MISSING")
	b.refused(b.do(http.MethodPost, "/api/v1/previews?shcema=x", strings.NewReader("PK"), "Content-Type", "application/octet-stream"), http.StatusBadRequest, "FORM_INVALID")
}

func TestSeveralFilesOfFormAreForwarded(t *testing.T) {
	b := setupTus(t, nil)
	post := func(step int, names ...string) *http.Response {
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		if err := w.WriteField("text_formats", `{"b.csv":{"delimiter":"semicolon"}}`); err != nil {
			t.Fatal(err)
		}
		for i, name := range names {
			part, err := w.CreateFormFile(fmt.Sprint("file", i), name)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(part, strings.Repeat("x", 1+i*step))
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.do(http.MethodPost, "/api/v1/previews", &body, "Content-Type", w.FormDataContentType())
	}
	status, answer := b.decode(post(300_000, "a.csv", "sub/b.csv", "c.csv"))
	var got string
	for _, sheet := range answer["preview"].(map[string]any)["sheets"].([]any) {
		got += fmt.Sprint(sheet.(map[string]any)["file"], " ", sheet.(map[string]any)["name"], "; ")
	}
	if want := " 1 bytes; b.csv 300001 bytes; c.csv 600001 bytes; "; status != http.StatusOK || got != want {
		t.Errorf("the files arrive as %s, want %s", got, want)
	}
	if format := fmt.Sprint(answer["preview"].(map[string]any)["textFormats"]); !strings.Contains(format, "semicolon") {
		t.Errorf("the formats arrive as %s", format)
	}
	if refusal := b.do(http.MethodPost, "/api/v1/previews", strings.NewReader("PK"), "Content-Type", "application/zip"); refusal.StatusCode != http.StatusOK {
		t.Errorf("a zip archive is answered with %d", refusal.StatusCode)
	}
	b.refused(post(0, slices.Repeat([]string{"a.csv"}, 257)...), http.StatusBadRequest, "FORM_INVALID")
}

// TestUploadIsKeptUntilItsMappingIsConfirmed uploads a file once, is asked about its columns, and imports it with the answer.
func TestUploadIsKeptUntilMappingIsConfirmed(t *testing.T) {
	b := setupTus(t, nil)
	path := b.begin(7, "filename", "staff.xlsx", "confirm_mapping", "true")
	b.append(path, 0, strings.NewReader("PK12345"))
	query := "?upload_id=" + filepath.Base(path)
	for range 2 {
		b.refused(b.makeImport(path), http.StatusUnprocessableEntity, "MAPPING_UNCERTAIN")
	}
	post := func(route, body string, headers ...string) *http.Response {
		return b.do(http.MethodPost, route, strings.NewReader(body), append([]string{"Content-Type", "application/json"}, headers...)...)
	}
	status, answer := b.decode(post("/api/v1/previews"+query, ""))
	if status != http.StatusOK || sizeOf(answer) != "7 bytes" {
		t.Errorf("preview: %d %v", status, answer)
	}
	b.refused(post("/api/v1/previews"+query, "", "Authorization", "Bearer "+b.token("bob")), http.StatusNotFound, "UPLOAD_NOT_FOUND")
	for _, body := range []string{"[]", `{"mapping":[],"schema":"other"}`, `{"mapping":[{"shet":"x"}]}`, "{"} {
		b.refused(post("/api/v1/imports"+query, body), http.StatusBadRequest, "FORM_INVALID")
	}
	b.refused(post("/api/v1/imports"+query+"&schema=x", ""), http.StatusBadRequest, "FORM_INVALID")

	// The formats of text files can be part of the answer, and replace those of the upload.
	status, answer = b.decode(post("/api/v1/previews"+query, `{"textFormats":{"a.csv":{"delimiter":"semicolon"}}}`))
	if formats := fmt.Sprint(answer["preview"].(map[string]any)["textFormats"]); status != http.StatusOK || !strings.Contains(formats, "semicolon") {
		t.Errorf("preview with a format: %d %v", status, answer)
	}
	const mapping = `{"mapping":[{"sheet":"employees","columns":{"born_on":"Birthday"}}],"textFormat":{"encoding":"windows-1250"}}`
	for range 2 {
		if status, answer := b.decode(post("/api/v1/imports"+query, mapping)); status != http.StatusAccepted {
			t.Fatalf("import: %d %v", status, answer)
		}
	}
	_, kept, _, _, o := b.uploads()
	if kept != 1 || o.GetConfirmMapping() || o.GetMapping()[0].GetColumns()["born_on"] != "Birthday" || o.GetFileName() != "staff.xlsx" || o.GetTextFormat().GetEncoding() != "windows-1250" {
		t.Errorf("%d imports, the last with %v", kept, o)
	}
	b.refused(post("/api/v1/previews"+query, ""), http.StatusNotFound, "UPLOAD_NOT_FOUND")
}
