package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/temoto/robotstxt"
	"golang.org/x/net/html"
)

const (
	// agent is the name by which robots.txt addresses this crawler.
	agent = "headway-example"
	// fetchTimeout is how long a page can take.
	fetchTimeout = 10 * time.Second
	// maxPageBytes bounds how much of a page is read.
	maxPageBytes = 1 << 20
	// maxPathBytes bounds an address on the site, so that all of them fit in a checkpoint.
	maxPathBytes = 100
)

// client fetches pages. It does not follow redirects: their targets are links like others.
var client = &http.Client{
	Timeout:       fetchTimeout,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// fetched is the result of one request.
type fetched struct {
	status int
	title  string
	// links are addresses on the same site, each once, in their order.
	links []string
	// moved is the target of a redirect, if it is on the same site.
	moved string
}

// get sends a request to the site.
func (c *crawler) get(ctx context.Context, path string) (*http.Response, error) {
	address, err := c.site.Parse(path)
	if err != nil {
		return nil, fmt.Errorf("address %s: %w", path, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("request %s: %w", path, err)
	}
	request.Header.Set("User-Agent", agent)
	return client.Do(request)
}

// rules returns the rules of the site's robots.txt for this crawler. A site without the file allows everything. If the
// status is 5xx, nothing is allowed (RFC 9309 §2.3.1).
func (c *crawler) rules(ctx context.Context) (*robotstxt.Group, error) {
	response, err := c.get(ctx, "/robots.txt")
	if err != nil {
		return nil, fmt.Errorf("read robots.txt: %w", err)
	}
	defer response.Body.Close()
	response.Body = io.NopCloser(io.LimitReader(response.Body, maxPageBytes))
	rules, err := robotstxt.FromResponse(response)
	if err != nil {
		return nil, fmt.Errorf("read robots.txt: %w", err)
	}
	return rules.FindGroup(agent), nil
}

// fetch requests a page, and returns its title and links.
func (c *crawler) fetch(ctx context.Context, path string) (fetched, error) {
	response, err := c.get(ctx, path)
	if err != nil {
		return fetched{}, err
	}
	defer response.Body.Close()
	page := fetched{status: response.StatusCode}
	if location, err := response.Location(); err == nil {
		page.moved, _ = c.local(location)
	}
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")) // without a media type, it is not a page
	if kind == "text/html" && page.status == http.StatusOK {
		base, err := c.site.Parse(path)
		if err != nil {
			return fetched{}, fmt.Errorf("address %s: %w", path, err)
		}
		if err := page.read(c, base, io.LimitReader(response.Body, maxPageBytes)); err != nil {
			return fetched{}, fmt.Errorf("read %s: %w", path, err)
		}
	}
	return page, nil
}

// read reads a page's title and links.
func (p *fetched) read(c *crawler, base *url.URL, body io.Reader) error {
	known := map[string]bool{}
	tokens := html.NewTokenizer(body)
	inTitle := false
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			if err := tokens.Err(); !errors.Is(err, io.EOF) {
				return err
			}
			return nil
		case html.TextToken:
			if inTitle {
				p.title += string(tokens.Text())
			}
		case html.EndTagToken:
			inTitle = false
		case html.StartTagToken:
			name, more := tokens.TagName()
			inTitle = string(name) == "title" && p.title == ""
			for isLink := string(name) == "a"; isLink && more; {
				var key, value []byte
				key, value, more = tokens.TagAttr()
				if string(key) != "href" {
					continue
				}
				target, err := base.Parse(strings.TrimSpace(string(value)))
				if err != nil {
					continue // not an address
				}
				if path, ok := c.local(target); ok && !known[path] {
					known[path] = true
					p.links = append(p.links, path)
				}
			}
		}
	}
}

// local returns an address as a path of the site. It reports false for other sites, and for paths that are too long.
func (c *crawler) local(target *url.URL) (string, bool) {
	if target.Scheme != c.site.Scheme || target.Host != c.site.Host {
		return "", false
	}
	path := target.EscapedPath()
	if path == "" {
		path = "/"
	}
	if target.RawQuery != "" {
		path += "?" + target.RawQuery
	}
	return path, len(path) <= maxPathBytes
}
