package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// A variable that no box reads would be ignored in silence, whatever was meant by it.
func TestWhatComposeSetsIsRead(t *testing.T) {
	read := table(allSettings(t))
	compose, err := os.ReadFile("../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("../env.example")
	if err != nil {
		t.Fatal(err)
	}
	set := regexp.MustCompile(`(?m)^ +(OKR_[A-Z_]+): `).FindAllStringSubmatch(string(compose), -1)
	if len(set) < 20 {
		t.Errorf("docker-compose.yml sets only %d variables", len(set))
	}
	for _, name := range set {
		if !strings.Contains(read, "`"+name[1]+"`") {
			t.Errorf("docker-compose.yml sets %s, which no box reads", name[1])
		}
	}
	offered := regexp.MustCompile(`(?m)^(OKR_[A-Z_]+)=`).FindAllStringSubmatch(string(example), -1)
	if len(offered) < 10 {
		t.Errorf("env.example offers only %d variables", len(offered))
	}
	for _, name := range offered {
		if !strings.Contains(string(compose), "${"+name[1]) {
			t.Errorf("env.example offers %s, which docker-compose.yml does not look at", name[1])
		}
	}
}
