package bench

import (
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"headway/internal/proctest"
)

// BenchmarkPreview times previews of the workbook of 1,000,000 × 10 cells, from its last byte to the whole answer. It reports the medians.
func BenchmarkPreview(b *testing.B) {
	workbook := filepath.Join(b.TempDir(), "employees.xlsx")
	writeWide(b, workbook, 1_000_000, inOrder)
	data, edge, schemas := b.TempDir(), proctest.FreeAddress(b), b.TempDir()
	if err := os.WriteFile(filepath.Join(schemas, "wide.yaml"), []byte(wideSchema), 0o600); err != nil {
		b.Fatal(err)
	}
	binary := program(b, "headway")
	cmd := exec.Command(binary, "serve", "--data", data, "--listen", edge, "--jobs-listen", proctest.FreeAddress(b),
		"--importer-listen", proctest.FreeAddress(b), "--metrics-listen", "-", "--log-level", "error", "--schemas-dir", schemas)
	cmd.Stderr = os.Stderr
	server := proctest.Start(b, cmd)
	defer func() { _ = server.Kill() }() // the signal is the error
	server.AwaitReady("http://" + edge + "/readyz")
	bearer := "Bearer " + strings.TrimSpace(command(b, binary, "token", "--sub", "bench", "--data", data))
	info, err := os.Stat(workbook)
	if err != nil {
		b.Fatal(err)
	}
	var took, processor []time.Duration
	for b.Loop() {
		before := busy(b, server.Pid())
		took = append(took, previewWorkbook(b, "http://"+edge+"/api/v1/previews", bearer, workbook))
		processor = append(processor, busy(b, server.Pid())-before)
	}
	slices.Sort(took)
	slices.Sort(processor)
	b.ReportMetric(took[len(took)/2].Seconds(), "s-after-last-byte")
	b.ReportMetric(processor[len(processor)/2].Seconds(), "s-cpu")
	b.ReportMetric(float64(info.Size())/(1<<20), "MiB")
}

// previewWorkbook uploads a file for a preview. It returns the time from when the last byte was sent.
func previewWorkbook(b *testing.B, url, bearer, workbook string) time.Duration {
	b.Helper()
	file, err := os.Open(workbook)
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	body, out := io.Pipe()
	form := multipart.NewWriter(out)
	sent := make(chan time.Time, 1)
	go func() {
		err := form.WriteField("schema", "wide")
		var part io.Writer
		if err == nil {
			part, err = form.CreateFormFile("file", filepath.Base(workbook))
		}
		if err == nil {
			_, err = io.Copy(part, file)
		}
		if err == nil {
			err = form.Close()
		}
		sent <- time.Now()
		_ = out.CloseWithError(err) // it never fails
	}()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url, body)
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Authorization", bearer)
	request.Header.Set("Content-Type", form.FormDataContentType())
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(answer), "Springfield") {
		b.Fatalf("%s, %v: %.300s", response.Status, err, answer)
	}
	return time.Since(<-sent)
}
