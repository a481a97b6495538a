package main

import (
	"bytes"
	"testing"
)

var known = sizes{objective: 1000, keyResult: 1000, checkIn: 500}

func TestEveryOrganizationIsOnOneClusterAndNoClusterIsTooFull(t *testing.T) {
	t.Parallel()
	cfg := Config{Organizations: 3000, Writes: 100, Years: 2}
	p := play(cfg, known)
	if len(p.tenants) != cfg.Organizations || len(p.hosts) < 3 || p.moves == 0 {
		t.Fatalf("%d organizations are on %d clusters after %d moves", len(p.tenants), len(p.hosts), p.moves)
	}
	placed := map[*tenant]int{}
	for i, h := range p.hosts {
		var again host
		for _, tenant := range h.tenants {
			placed[tenant]++
			again.take(tenant)
		}
		if full := again.fullness(cfg.Writes); full > moveLimit && len(h.tenants) > 1 {
			t.Errorf("cluster %d is full by %.2f", i, full)
		}
		if off := again.bytes/h.bytes - 1; off > 1e-6 || off < -1e-6 {
			t.Errorf("cluster %d counts %.0f bytes, and has %.0f", i, h.bytes, again.bytes)
		}
	}
	for _, tenant := range p.tenants {
		if placed[tenant] != 1 {
			t.Errorf("an organization is on %d clusters", placed[tenant])
		}
	}
}

func TestTheSameSettingsPrintTheSame(t *testing.T) {
	t.Parallel()
	var first, second bytes.Buffer
	cfg := Config{Organizations: 500, Writes: 1000, Years: 1}
	for _, out := range []*bytes.Buffer{&first, &second} {
		if err := report(out, cfg, known); err != nil {
			t.Fatal(err)
		}
	}
	if first.String() != second.String() || first.Len() == 0 {
		t.Errorf("%s\nand\n%s", &first, &second)
	}
}

// What is measured is what the store keeps, and the same each time.
func TestSizesAreMeasured(t *testing.T) {
	t.Parallel()
	first, err := measureSizes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	again, err := measureSizes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if first != again {
		t.Errorf("measured %v, and then %v", first, again)
	}
	for name, size := range map[string]int64{"objective": first.objective, "key result": first.keyResult, "check-in": first.checkIn} {
		if size < 500 || size > 10_000 {
			t.Errorf("a %s takes %d bytes", name, size)
		}
	}
}
