package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/df0f9dda/okr-manager/services/kit/kittest"
)

// The networks of the members, from what RFC 2544 sets aside for tests.
const (
	peerNetwork   = "198.18.0"
	clientNetwork = "198.19.0"
)

// cables are the networks of members of etcd that have a network namespace each: one network among the members, and one to
// those who use them. Both meet in a namespace that plays the switch, whose cables are pulled out and put back in.
type cables struct {
	t       *testing.T
	name    string // what all namespaces begin with
	members int
}

// layCables makes the networks, which end with the test. It takes root, iproute2 and network namespaces.
func layCables(t *testing.T, members int) *cables {
	t.Helper()
	n := &cables{t: t, name: fmt.Sprintf("okr-e2e-%d", os.Getpid()), members: members}
	if out, err := exec.CommandContext(t.Context(), "ip", "netns", "add", n.space("switch")).CombinedOutput(); err != nil {
		t.Fatalf("this test needs to make network namespaces, as root and with iproute2: %v: %s", err, out)
	}
	t.Cleanup(func() { n.remove("switch") })
	n.inSwitch("link add peers type bridge")
	n.inSwitch("link add clients type bridge")
	n.inSwitch("link set peers up")
	n.inSwitch("link set clients up")

	// The stores run where the test does.
	host := fmt.Sprint("okr", os.Getpid())
	n.ip("link add " + host + " type veth peer name stores netns " + n.space("switch"))
	n.ip("addr add " + clientNetwork + ".1/24 dev " + host)
	n.ip("link set " + host + " up")
	n.inSwitch("link set stores master clients up")

	for i := range members {
		member := fmt.Sprint("m", i)
		n.ip("netns add " + n.space(member))
		t.Cleanup(func() { n.remove(member) })
		in := "-n " + n.space(member) + " "
		n.ip(in + "link set lo up")
		for network, bridge := range map[string]string{peerNetwork: "peers", clientNetwork: "clients"} {
			n.ip(in + "link add " + bridge + " type veth peer name " + n.cable(bridge, i) + " netns " + n.space("switch"))
			n.ip(in + fmt.Sprintf("addr add %s.%d/24 dev %s", network, 10+i, bridge))
			n.ip(in + "link set " + bridge + " up")
			n.inSwitch("link set " + n.cable(bridge, i) + " master " + bridge + " up")
		}
	}
	return n
}

func (n *cables) space(of string) string { return n.name + "-" + of }

func (n *cables) cable(bridge string, member int) string { return fmt.Sprint(bridge, member) }

// remove ends a namespace, and with it the ends of cables in it.
func (n *cables) remove(of string) {
	if out, err := exec.Command("ip", "netns", "del", n.space(of)).CombinedOutput(); err != nil { //nolint:noctx // the test is over
		n.t.Errorf("removing a network namespace: %v: %s", err, out)
	}
}

func (n *cables) ip(line string) { n.command("ip", line) }

func (n *cables) inSwitch(line string) { n.command("ip", "-n "+n.space("switch")+" "+line) }

func (n *cables) command(program, line string) {
	n.t.Helper()
	if out, err := exec.CommandContext(n.t.Context(), program, strings.Fields(line)...).CombinedOutput(); err != nil { //nolint:gosec // the test's own
		n.t.Fatalf("%s %s: %v: %s", program, line, err, out)
	}
}

// places are where the members run.
func (n *cables) places() []kittest.EtcdPlace {
	var places []kittest.EtcdPlace
	for i := range n.members {
		places = append(places, kittest.EtcdPlace{
			Client: fmt.Sprintf("%s.%d:2379", clientNetwork, 10+i), Peer: fmt.Sprintf("%s.%d:2380", peerNetwork, 10+i),
			Enter: []string{"ip", "netns", "exec", n.space(fmt.Sprint("m", i))},
		})
	}
	return places
}

// cutPeers parts a member from the others. Its clients still reach it.
func (n *cables) cutPeers(member int) {
	n.inSwitch("link set " + n.cable("peers", member) + " nomaster")
}

// cutOff parts a member from everybody.
func (n *cables) cutOff(member int) {
	n.cutPeers(member)
	n.inSwitch("link set " + n.cable("clients", member) + " nomaster")
}

// part keeps two members from each other, and from nobody else.
func (n *cables) part(a, b int) {
	for _, member := range []int{a, b} {
		n.command("bridge", "-n "+n.space("switch")+" link set dev "+n.cable("peers", member)+" isolated on")
	}
}

// heal puts everything back together.
func (n *cables) heal() {
	for i := range n.members {
		for _, bridge := range []string{"peers", "clients"} {
			n.inSwitch("link set " + n.cable(bridge, i) + " master " + bridge)
		}
		n.command("bridge", "-n "+n.space("switch")+" link set dev "+n.cable("peers", i)+" isolated off")
	}
}

// Nobody answers from a state that a majority has left behind, and nothing that was acknowledged is gone, wherever the
// network between the members comes apart.
func TestTheStoreIsLinearizableOnAClusterWhoseNetworkComesApart(t *testing.T) {
	if wantedOperations(t) == 0 {
		t.Skip("it takes root, which `make robust` has: " + operationsVariable + " is not set")
	}
	network := layCables(t, 3)
	etcd := kittest.StartEtcdAt(t, network.places())
	settings := []string{"OKR_STORE_ENGINE=etcd", "OKR_STORE_ETCD_ENDPOINTS=" + strings.Join(etcd.Endpoints, ",")}
	s := serve(t)
	for range 3 {
		s.start(t, settings...)
	}
	cuts := 0
	s.underLoad(t, "etcd", callsInAStepOnEtcd, func(goesOn func(string)) {
		healed := func() {
			network.heal()
			for i := range 3 {
				etcd.Leader(i)
			}
			goesOn("the network healed")
			cuts++
		}
		goesOn("the start")

		leader := etcd.Leader(0)
		network.cutPeers(leader)
		goesOn("the leader lost the others, and its clients still reached it")
		healed()

		leader = etcd.Leader(0)
		network.cutOff(leader)
		goesOn("the leader was cut off from everybody")
		s.kill(t)
		s.start(t, settings...)
		goesOn("a replica was killed meanwhile")
		healed()

		follower := (etcd.Leader(0) + 1) % 3
		network.cutPeers(follower)
		goesOn("a follower lost the others, and its clients still reached it")
		healed()

		leader = etcd.Leader(0)
		network.part(leader, (leader+1)%3)
		goesOn("the leader and a follower lost each other, and the third reached both")
		healed()

		for i := range 3 {
			network.cutPeers(i)
		}
		etcd.Leaderless(0)
		healed()
	})
	t.Logf("the network came apart %d times", cuts)
}
