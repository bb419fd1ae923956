// The workloads of `compare` in Go: `standin-bench-go WORKLOAD NUMBER..`. What it prints, and how
// it measures, is what `meter.rs` and `child.rs` do.
package main

import (
	"bytes"
	"fmt"
	"io"
	"math/bits"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

var workloads = map[string]func(numbers []uint64){
	"sleep":           sleep,
	"park":            park,
	"blocking-sleep":  blockingSleep,
	"spawn":           spawn,
	"spawn-from-many": spawnFromMany,
	"yield":           yieldInTurn,
	"channel":         channel,
	"send-to-one":     sendToOne,
	"compute":         compute,
	"fetch":           fetch,
	"echo":            echo,
}

func main() {
	var numbers []uint64
	for _, word := range os.Args[2:] {
		number, err := strconv.ParseUint(word, 10, 64)
		must(err)
		numbers = append(numbers, number)
	}
	workloads[os.Args[1]](numbers)
}

func sleep(numbers []uint64) {
	n, warmUps := numbers[0], numbers[1]
	sleepers := func() { all(n, func(uint64) { time.Sleep(10 * time.Millisecond) }) }
	for i := uint64(0); i < warmUps; i++ {
		sleepers()
	}
	meter := start()
	sleepers()
	meter.stop(n)
}

func park(numbers []uint64) {
	n := numbers[0]
	var begun uint64
	meter := start()
	for i := uint64(0); i < n; i++ {
		go func() {
			atomic.AddUint64(&begun, 1)
			time.Sleep(time.Hour)
		}()
	}
	for atomic.LoadUint64(&begun) < n {
		time.Sleep(5 * time.Millisecond)
	}
	meter.stop(n)
}

func blockingSleep(numbers []uint64) {
	n := numbers[0]
	meter := start()
	all(n, func(uint64) {
		left := syscall.NsecToTimespec((10 * time.Millisecond).Nanoseconds())
		// A signal of Go's own may end it early.
		for syscall.Nanosleep(&left, &left) == syscall.EINTR {
		}
	})
	meter.stop(n)
}

func spawn(numbers []uint64) {
	n, atOnce := numbers[0], numbers[1]
	meter := start()
	batches(n, atOnce)
	meter.stop(n)
}

func spawnFromMany(numbers []uint64) {
	n, spawners, atOnce := numbers[0], numbers[1], numbers[2]
	meter := start()
	all(spawners, func(uint64) { batches(n/spawners, atOnce) })
	meter.stop(n)
}

func yieldInTurn(numbers []uint64) {
	n := numbers[0]
	meter := start()
	all(2, func(uint64) {
		for i := uint64(0); i < n/2; i++ {
			runtime.Gosched()
		}
	})
	meter.stop(n)
}

func channel(numbers []uint64) {
	n, pairs := numbers[0], numbers[1]
	meter := start()
	all(pairs, func(uint64) {
		ping, pong := make(chan uint64, 1), make(chan uint64, 1)
		go func() {
			for message := range ping {
				pong <- message
			}
		}()
		for i := uint64(0); i < n/pairs/2; i++ {
			ping <- i
			if message := <-pong; message != i {
				fail("sent %d, and received %d", i, message)
			}
		}
		close(ping)
	})
	meter.stop(n)
}

func sendToOne(numbers []uint64) {
	n, senders, capacity := numbers[0], numbers[1], numbers[2]
	messages := make(chan uint64, capacity)
	meter := start()
	go func() {
		all(senders, func(uint64) {
			for i := uint64(0); i < n/senders; i++ {
				messages <- i
			}
		})
		close(messages)
	}()
	sum := uint64(0)
	for message := range messages {
		sum += message
	}
	each := n / senders
	if sent := each * (each - 1) / 2 * senders; sum != sent {
		fail("sent %d in sum, and received %d", sent, sum)
	}
	meter.stop(n)
}

func compute(numbers []uint64) {
	n, steps, seeds := numbers[0], numbers[1], numbers[2]
	piece := func(index uint64) uint64 {
		x := index % seeds
		for step := uint64(0); step < steps; step++ {
			x = bits.RotateLeft64((x^step)*0x9e3779b97f4a7c15, 31)
		}
		return x
	}
	right := make([]uint64, seeds)
	for seed := range right {
		right[seed] = piece(uint64(seed))
	}
	results := make([]uint64, n)
	meter := start()
	all(n, func(index uint64) { results[index] = piece(index) })
	sample := meter.sample(n)
	for index, result := range results {
		if result != right[uint64(index)%seeds] {
			fail("a result is wrong")
		}
	}
	fmt.Println(sample)
}

func fetch(numbers []uint64) {
	n, address := numbers[0], fmt.Sprintf("127.0.0.1:%d", numbers[1])
	meter := start()
	all(n, func(uint64) {
		stream, err := net.Dial("tcp", address)
		must(err)
		_, err = stream.Write([]byte("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
		must(err)
		page, err := io.ReadAll(stream)
		must(err)
		stream.Close()
		if !bytes.HasPrefix(page, []byte("HTTP/1.1 200 OK\r\n")) || !bytes.HasSuffix(page, []byte("\r\n\r\nhello")) {
			fail("a page is wrong: %q", page)
		}
	})
	meter.stop(n)
}

func echo([]uint64) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	fmt.Printf("listening %d\n", listener.Addr().(*net.TCPAddr).Port)
	for {
		stream, err := listener.Accept()
		must(err)
		go func() {
			defer stream.Close()
			buffer := make([]byte, 1024)
			for {
				length, err := stream.Read(buffer)
				if err != nil {
					return
				}
				if _, err = stream.Write(buffer[:length]); err != nil {
					return
				}
			}
		}()
	}
}

// Spawns and joins, each time so many.
func batches(n, atOnce uint64) {
	for begin := uint64(0); begin < n; begin += atOnce {
		count := n - begin
		if count > atOnce {
			count = atOnce
		}
		all(count, func(uint64) {})
	}
}

// Runs so many goroutines, and waits for their end.
func all(n uint64, body func(index uint64)) {
	var group sync.WaitGroup
	group.Add(int(n))
	for i := uint64(0); i < n; i++ {
		go func(index uint64) {
			body(index)
			group.Done()
		}(i)
	}
	group.Wait()
}

type meter struct {
	memory uint64
	cpu    float64
	start  time.Time
}

func start() meter {
	// As in `meter.rs`.
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
	resident, _, tables := memory()
	return meter{resident + tables, cpu(), time.Now()}
}

func (meter meter) stop(count uint64) {
	fmt.Println(meter.sample(count))
}

func (meter meter) sample(count uint64) string {
	seconds := time.Since(meter.start).Seconds()
	used := cpu() - meter.cpu
	resident, peak, tables := memory()
	if peak < resident {
		peak = resident
	}
	grown := peak + tables
	if grown < meter.memory {
		grown = meter.memory
	}
	return fmt.Sprintf("sample %f %f %d %d 0", seconds, used, grown-meter.memory, count)
}

// Resident memory now and at its peak, and page tables, in KiB.
func memory() (resident, peak, tables uint64) {
	status, err := os.ReadFile("/proc/self/status")
	must(err)
	for _, line := range strings.Split(string(status), "\n") {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		value, _ := strconv.ParseUint(fields[1], 10, 64)
		switch fields[0] {
		case "VmRSS:":
			resident = value
		case "VmHWM:":
			peak = value
		case "VmPTE:":
			tables = value
		}
	}
	return
}

// CPU time of the process, in seconds.
func cpu() float64 {
	var usage syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}

func must(err error) {
	if err != nil {
		fail("%v", err)
	}
}

func fail(format string, arguments ...any) {
	fmt.Printf("error: "+format+"\n", arguments...)
	os.Exit(1)
}
