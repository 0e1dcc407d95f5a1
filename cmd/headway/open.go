package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"headway/cmd/internal/program"
	"headway/internal/auth"
)

// openCommand prints a new sign-in link of a server on this machine.
type openCommand struct {
	program.KeyFlags
	URL string `help:"Address of the web UI." default:"http://127.0.0.1:8080" placeholder:"URL" env:"HEADWAY_URL"`
}

// openTimeout is the maximum time that the server can take to respond.
const openTimeout = 10 * time.Second

// Run prints only the link.
func (c *openCommand) Run(ctx context.Context) error {
	key, err := c.SigningKey()
	if err != nil {
		return err
	}
	token, err := key.Sign(auth.Identity{Subject: localUser}, time.Minute)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	address := strings.TrimRight(c.URL, "/")
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/api/v1/session/links", nil)
	if err != nil {
		return program.Refuse("--url %q is not a URL. Use one such as http://127.0.0.1:8080", c.URL)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask for a sign-in link: %w. Check that Headway is running, and set --url to its address", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("ask for a sign-in link: %w", err)
	}
	var answer struct{ Path, Message string }
	if err := json.Unmarshal(text, &answer); err != nil || resp.StatusCode != http.StatusCreated {
		if answer.Message == "" {
			answer.Message = "the response is not from Headway (" + resp.Status + ")"
		}
		return fmt.Errorf("ask %s for a sign-in link: %s", address, answer.Message)
	}
	fmt.Println(address + answer.Path)
	return nil
}
