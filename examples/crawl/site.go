package main

import (
	"fmt"
	"html"
	"net/http"
	"strconv"
	"strings"
)

// plants are the pages of the site's catalog, in their order.
var plants = []string{"tomato", "basil", "bean", "squash", "maize", "onion", "carrot", "lettuce", "chard", "pea", "leek", "mint"}

// beds are the pages of the site's map.
var beds = []string{"north", "east", "south", "west"}

// robots is the site's robots.txt. A crawler that keeps to it never sees the diary.
const robots = "User-agent: *\nDisallow: /diary/\n"

// newSite returns the site that the example crawls. It has the difficulties of real sites: links in cycles, a page that has
// moved, a missing page, a page that robots.txt excludes, links to other sites, and an endless calendar.
func newSite() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /robots.txt", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, robots) })
	mux.Handle("GET /old-map", http.RedirectHandler("/beds/", http.StatusMovedPermanently))
	page(mux, "/{$}", "The garden", "/plants/", "/beds/", "/calendar/1/", "/diary/", "/about/", "/old-map")
	page(mux, "/about/{$}", "About us", "/", "/about/history/", "mailto:garden@example.org", "https://example.org/", "#top")
	page(mux, "/diary/{$}", "The gardener's diary", "/")

	links := []string{"/"}
	for i, plant := range plants {
		links = append(links, "/plants/"+plant+"/")
		neighbor := plants[(i+5)%len(plants)]
		page(mux, "/plants/"+plant+"/{$}", "Growing "+plant, "../"+neighbor+"/", "/beds/"+beds[i%len(beds)]+"/", "./seeds.pdf")
		mux.HandleFunc("GET /plants/"+plant+"/seeds.pdf", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/pdf")
			fmt.Fprint(w, "%PDF-1.4")
		})
	}
	page(mux, "/plants/{$}", "All plants", links...)
	links = []string{"/"}
	for i, bed := range beds {
		links = append(links, bed+"/")
		page(mux, "/beds/"+bed+"/{$}", "The "+bed+" bed", "/plants/"+plants[i]+"/", "/plants/"+plants[i+len(beds)]+"/")
	}
	page(mux, "/beds/{$}", "All beds", links...)
	mux.HandleFunc("GET /calendar/{week}/{$}", func(w http.ResponseWriter, r *http.Request) {
		week, err := strconv.Atoi(r.PathValue("week"))
		if err != nil || week < 1 {
			http.NotFound(w, r)
			return
		}
		writePage(w, fmt.Sprintf("Week %d", week), "/", fmt.Sprintf("/calendar/%d/", week+1))
	})
	return mux
}

// page adds a page with a title and links.
func page(mux *http.ServeMux, path, title string, links ...string) {
	mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { writePage(w, title, links...) })
}

func writePage(w http.ResponseWriter, title string, links ...string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	var list strings.Builder
	for _, link := range links {
		fmt.Fprintf(&list, "<li><a href=\"%[1]s\">%[1]s</a>\n", html.EscapeString(link))
	}
	fmt.Fprintf(w, "<!doctype html>\n<html lang=\"en\">\n<title>%s</title>\n<ul>\n%s</ul>\n</html>\n", html.EscapeString(title), list.String())
}
