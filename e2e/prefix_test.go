package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"headway/internal/proctest"
)

// startPrefixNginx runs nginx with the site of deploy/nginx/headway-prefix.conf, which asks for a user and password.
func startPrefixNginx(t *testing.T) *proxy {
	t.Helper()
	s := start(t, "--keepalive=2s", "--base-path=/headway")
	dir, address := t.TempDir(), proctest.FreeAddress(t)
	pool := newCertificate(t, dir)
	writeFile(t, filepath.Join(dir, "users"), "guest:{PLAIN}secret\n")
	writeFile(t, filepath.Join(dir, "headway.conf"), adapted(t, "nginx/headway-prefix.conf", "http://127.0.0.1:8080", "http://"+s.edge))
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // only the current user can read the folders
	}
	conf := filepath.Join(dir, "nginx.conf")
	writeFile(t, conf, fmt.Sprintf(`%s
pid %[2]s/nginx.pid;
error_log stderr;
worker_processes 1;
events { worker_connections 512; }
http {
	client_body_temp_path %[2]s/body;
	proxy_temp_path %[2]s/proxy;
	fastcgi_temp_path %[2]s/fastcgi;
	uwsgi_temp_path %[2]s/uwsgi;
	scgi_temp_path %[2]s/scgi;
	access_log %[2]s/access.log;
	server {
		listen %[3]s ssl http2;
		server_name 127.0.0.1;
		ssl_certificate %[2]s/cert.pem;
		ssl_certificate_key %[2]s/key.pem;
		location = /readyz { return 200; }
		location / { return 404; }
		auth_basic "a site";
		auth_basic_user_file %[2]s/users;
		include %[2]s/headway.conf;
	}
}
`, user, dir, address))
	nginx := "/usr/sbin/nginx"
	if found, err := exec.LookPath("nginx"); err == nil {
		nginx = found
	}
	p := launchProxy(t, s, address, pool, nginx, "-p", dir, "-c", conf, "-g", "daemon off;")
	return p
}

// TestWorksBelowPrefixAndBasicAuth uses what a browser can: the site's user and password in Authorization, and Headway's cookie.
func TestWorksBelowPrefixAndBasicAuth(t *testing.T) {
	t.Parallel()
	p := startPrefixNginx(t)
	jar := map[string]string{}
	do := func(method, path string, body io.Reader, headers ...string) *http.Response {
		t.Helper()
		req := p.request(method, path, body, headers...)
		req.SetBasicAuth("guest", "secret")
		req.Header.Set("Origin", p.url)
		for name, value := range jar {
			req.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		res, err := p.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { res.Body.Close() })
		return res
	}
	read := func(res *http.Response, status int) string {
		t.Helper()
		text, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != status {
			t.Fatalf("%s %s: %s %s %v", res.Request.Method, res.Request.URL, res.Status, text, err)
		}
		return string(text)
	}

	page := read(do("GET", "/headway/jobs/media/x", nil), http.StatusOK)
	if !strings.Contains(page, `<base href="/headway/">`) {
		t.Fatalf("the page: %s", page)
	}
	for _, asset := range regexp.MustCompile(`(?:src|href)="(\./[^"]+)"`).FindAllStringSubmatch(page, -1) {
		read(do("GET", "/headway/"+strings.TrimPrefix(asset[1], "./"), nil), http.StatusOK)
	}
	if strings.Contains(page, `src="/`) || !strings.Contains(page, `src="./assets/`) {
		t.Errorf("the page's scripts are not below the prefix: %s", page)
	}

	// The session starts at the server itself, because nginx replaces the token in Authorization with the site's password.
	direct, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+p.edge+"/headway/api/v1/session", nil)
	if err != nil {
		t.Fatal(err)
	}
	direct.Header.Set("Authorization", "Bearer "+p.ann)
	direct.Header.Set("X-Forwarded-Proto", "https")
	res, err := http.DefaultClient.Do(direct)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	for _, cookie := range res.Cookies() {
		if cookie.Path != "/headway/" || !cookie.Secure {
			t.Errorf("cookie %v", cookie)
		}
		jar[cookie.Name] = cookie.Value
	}
	if len(jar) != 1 {
		t.Fatalf("%s %v", res.Status, jar)
	}

	workbook := filepath.Join(p.data, "sample.xlsx")
	p.headway("sample", "--rows", "200", "--issues", "0", "-o", workbook)
	file, err := os.ReadFile(workbook)
	if err != nil {
		t.Fatal(err)
	}
	created := do("POST", "/headway/api/v1/uploads", nil, "Tus-Resumable", "1.0.0", "Upload-Length", fmt.Sprint(len(file)))
	read(created, http.StatusCreated)
	upload := created.Header.Get("Location")
	read(do("PATCH", upload, strings.NewReader(string(file)), "Tus-Resumable", "1.0.0", "Upload-Offset", "0", "Content-Type", "application/offset+octet-stream"), http.StatusNoContent)
	var accepted struct {
		Import struct{ ImportID string }
		Links  map[string]string
	}
	if err := json.Unmarshal([]byte(read(do("POST", "/headway/api/v1/imports?upload_id="+filepath.Base(upload), nil), http.StatusAccepted)), &accepted); err != nil {
		t.Fatal(err)
	}
	stream := do("GET", accepted.Links["stream"], nil)
	if end := read(stream, http.StatusOK); !strings.Contains(end, `"status":"completed"`) {
		t.Errorf("the stream: %s", end)
	}
	read(do("GET", accepted.Links["self"], nil), http.StatusOK)

	var ticket struct{ Ticket string }
	if err := json.Unmarshal([]byte(read(do("POST", "/headway/api/v1/sse/tickets", nil), http.StatusCreated)), &ticket); err != nil {
		t.Fatal(err)
	}
	session := jar
	jar = nil // an EventSource of another site has the password and the ticket only
	if got := read(do("GET", accepted.Links["stream"]+"?token="+ticket.Ticket, nil), http.StatusOK); !strings.Contains(got, `"status":"completed"`) {
		t.Errorf("with a ticket: %s", got)
	}
	jar = session
	read(do("DELETE", "/headway/api/v1/session", nil), http.StatusNoContent)
	read(do("GET", "/headway/api/v1/jobs", nil), http.StatusUnauthorized)
}
