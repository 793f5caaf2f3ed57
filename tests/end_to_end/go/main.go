// A client of franz-go: produces, consumes with two members of a group, and copies within transactions as a member of
// another (GroupTransactSession), aborting every third transaction. Whatever it reads must be what it produced, each
// record once. Arguments: bootstrap address, tag of the payloads, topic to copy from, topic to copy to, group,
// transactional id.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/rand"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	records    = 600
	limit      = 100 * time.Second
	abortEvery = 3
	// Few records a poll, so that there are many transactions.
	pollRecords = 60
)

type names struct {
	seeds                                 []string
	tag, from, to, group, transactionalID string
}

func main() {
	if len(os.Args) != 7 {
		fail("six arguments are needed")
	}
	n := names{strings.Split(os.Args[1], ","), os.Args[2], os.Args[3], os.Args[4], os.Args[5], os.Args[6]}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	produce(ctx, n)
	members := consumeAsTwo(ctx, n)
	committed, aborted := copyInTransactions(ctx, n)
	readCopy(ctx, n)
	fmt.Printf("%d records, %d and %d by the members, %d transactions committed, %d aborted\n",
		records, members[0], members[1], committed, aborted)
}

func produce(ctx context.Context, n names) {
	client := connect(kgo.SeedBrokers(n.seeds...), kgo.DefaultProduceTopic(n.from), kgo.RequiredAcks(kgo.AllISRAcks()))
	defer client.Close()
	batch := make([]*kgo.Record, records)
	for i := range batch {
		batch[i] = &kgo.Record{Key: fmt.Appendf(nil, "key-%d", i), Value: value(n, i)}
	}
	check("produce", client.ProduceSync(ctx, batch...).FirstErr())
}

// consumeAsTwo reads everything with two members of one group; gives how many records each had.
func consumeAsTwo(ctx context.Context, n names) [2]int {
	var members [2]*kgo.Client
	for i := range members {
		members[i] = connect(kgo.SeedBrokers(n.seeds...), kgo.ConsumerGroup(n.group), kgo.ConsumeTopics(n.from),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(),
			kgo.Balancers(kgo.CooperativeStickyBalancer()))
	}
	seen := newAccount(n)
	var counts [2]int
	for !seen.complete() {
		for i, member := range members {
			short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
			fetches := member.PollRecords(short, pollRecords)
			cancel()
			checkFetches(ctx, fetches)
			fetches.EachRecord(func(record *kgo.Record) {
				seen.add(record)
				counts[i]++
			})
			// A record that was read is committed before a rebalance can hand it to the other member.
			check("commit", member.CommitRecords(ctx, fetches.Records()...))
		}
	}
	for _, member := range members {
		member.Close()
	}
	return counts
}

func copyInTransactions(ctx context.Context, n names) (committed, aborted int) {
	session, err := kgo.NewGroupTransactSession(append(security(), kgo.SeedBrokers(n.seeds...),
		kgo.TransactionalID(n.transactionalID), kgo.ConsumerGroup(n.group+"-copy"), kgo.ConsumeTopics(n.from),
		kgo.DefaultProduceTopic(n.to), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.RequireStableFetchOffsets())...)
	check("transact", err)
	defer session.Close()
	for copied, transactions := 0, 0; copied < records; {
		fetches := session.PollRecords(ctx, pollRecords)
		checkFetches(ctx, fetches)
		if fetches.NumRecords() == 0 {
			continue
		}
		check("begin", session.Begin())
		promise := kgo.AbortingFirstErrPromise(session.Client())
		fetches.EachRecord(func(record *kgo.Record) {
			session.Produce(ctx, &kgo.Record{Key: record.Key, Value: record.Value}, promise.Promise())
		})
		// The records of a transaction that is aborted are at the broker, too.
		check("flush", session.Client().Flush(ctx))
		check("produce in a transaction", promise.Err())
		transactions++
		done, err := session.End(ctx, kgo.TransactionEndTry(transactions%abortEvery != 0))
		check("end", err)
		if done {
			copied += fetches.NumRecords()
			committed++
		} else {
			aborted++
		}
	}
	return committed, aborted
}

func readCopy(ctx context.Context, n names) {
	client := connect(kgo.SeedBrokers(n.seeds...), kgo.ConsumeTopics(n.to), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer client.Close()
	for seen := newAccount(n); !seen.complete(); {
		fetches := client.PollFetches(ctx)
		checkFetches(ctx, fetches)
		fetches.EachRecord(seen.add)
	}
}

// account is what was read so far: each record once, none of anybody else.
type account struct {
	missing map[string]bool
}

func newAccount(n names) account {
	missing := make(map[string]bool, records)
	for i := range records {
		missing[string(value(n, i))] = true
	}
	return account{missing}
}

func (a account) add(record *kgo.Record) {
	if !a.missing[string(record.Value)] {
		fail("%.40q was read twice, or is not ours", record.Value)
	}
	delete(a.missing, string(record.Value))
}

func (a account) complete() bool { return len(a.missing) == 0 }

// value is so large, with a part that no codec makes small, that a partition is more than the gateway has buffers for.
func value(n names, i int) []byte {
	filler := make([]byte, 2250)
	rand.New(rand.NewSource(int64(i))).Read(filler)
	return fmt.Appendf(nil, "%s-%d-%s", n.tag, i, base64.StdEncoding.EncodeToString(filler))
}

func connect(options ...kgo.Opt) *kgo.Client {
	client, err := kgo.NewClient(append(security(), options...)...)
	check("connect", err)
	return client
}

// security is TLS that believes the authority in the file KLAMM_E2E_CA, or nothing where there is none.
func security() []kgo.Opt {
	path := os.Getenv("KLAMM_E2E_CA")
	if path == "" {
		return nil
	}
	pem, err := os.ReadFile(path)
	check("read the authority", err)
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		fail("no certificate in %s", path)
	}
	return []kgo.Opt{kgo.DialTLSConfig(&tls.Config{RootCAs: roots})}
}

func checkFetches(ctx context.Context, fetches kgo.Fetches) {
	if ctx.Err() != nil {
		fail("not done within %s", limit)
	}
	for _, fault := range fetches.Errors() {
		if fault.Err != context.DeadlineExceeded {
			fail("fetch of %s: %s", fault.Topic, fault.Err)
		}
	}
}

func check(what string, err error) {
	if err != nil {
		fail("%s: %s", what, err)
	}
}

func fail(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", arguments...)
	os.Exit(1)
}
