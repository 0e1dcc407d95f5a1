// Command crawl is a worker that maps a website: jobs of kind `crawl`. It serves the site itself, on a port of the same
// machine, so the example needs no network. README.md describes it.
package main

import (
	"log"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"headway/clients/go"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// description describes the form that the web UI offers for such jobs.
var description = &jobsv1.KindDescription{
	Kind:    "crawl",
	Title:   "Map a website",
	Summary: "Follows the links of a small garden site, and keeps to its robots.txt. The map grows with every page.",
	Fields: []*jobsv1.KindField{
		integerField("depth", "Depth", defaultDepth, 0, maxDepth),
		integerField("pages", "Maximum pages", defaultPages, 1, maxPages),
		{Name: "requestsPerSecond", Label: "Requests per second", Type: jobsv1.KindFieldType_KIND_FIELD_TYPE_NUMBER,
			Hint: "5", Minimum: new(minRate), Maximum: new(maxRate)},
	},
}

func integerField(name, label string, initial, least, most int) *jobsv1.KindField {
	return &jobsv1.KindField{Name: name, Label: label, Type: jobsv1.KindFieldType_KIND_FIELD_TYPE_INTEGER,
		DefaultValue: strconv.Itoa(initial), Minimum: new(float64(least)), Maximum: new(float64(most))}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Handler: newSite(), ReadHeaderTimeout: 5 * time.Second}
	go func() { log.Fatal(server.Serve(listener)) }()
	c := &crawler{site: &url.URL{Scheme: "http", Host: listener.Addr().String()}}
	headway.Main(headway.WorkerConfig{
		Handlers:     map[string]headway.Handler{"crawl": c.crawl},
		Descriptions: []*jobsv1.KindDescription{description},
		Concurrency:  4,
	})
}
