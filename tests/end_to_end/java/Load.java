import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.IntegerDeserializer;
import org.apache.kafka.common.serialization.IntegerSerializer;

/**
 * An idempotent producer and a member of a group that work until the file STOP exists; then everything that the
 * partitions hold is read and held against what was acknowledged. Arguments: where to work, where to read in the end,
 * topic, STOP. Prints "acked N consumed N" as it goes, and last "lost N duplicated N disordered N unconsumed N".
 */
final class Load {
    private static final int PARTITIONS = 3;
    /** As many records in a burst as it has milliseconds: the nodes are shared with whatever else runs on the machine. */
    private static final int BURST = 20;

    private static final Set<Integer> ACKED = ConcurrentHashMap.newKeySet();
    private static final Set<Integer> CONSUMED = ConcurrentHashMap.newKeySet();
    private static final AtomicInteger REFUSED = new AtomicInteger();
    private static final AtomicBoolean ENOUGH = new AtomicBoolean();

    public static void main(String[] arguments) throws Exception {
        String topic = arguments[2];
        Thread consumer = new Thread(() -> consume(arguments[0], topic));
        consumer.setDaemon(true);
        consumer.start();
        int sent = produce(arguments[0], topic, Path.of(arguments[3]));
        long end = System.nanoTime() + Duration.ofSeconds(60).toNanos();
        while (!CONSUMED.containsAll(ACKED) && System.nanoTime() < end) {
            Thread.sleep(50);
        }
        ENOUGH.set(true);
        Set<Integer> unconsumed = new HashSet<>(ACKED);
        unconsumed.removeAll(CONSUMED);
        verify(arguments[1], topic, unconsumed.size());
        System.out.println("sent " + sent + " refused " + REFUSED.get());
    }

    /** A record for each millisecond, its number the value; number n goes to partition n % PARTITIONS. */
    private static int produce(String bootstrap, String topic, Path stop) throws Exception {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "enable.idempotence", "true",
                "acks", "all", "linger.ms", "2", "delivery.timeout.ms", "120000", "request.timeout.ms", "10000",
                "reconnect.backoff.max.ms", "200", "retry.backoff.max.ms", "200");
        int n = 0;
        try (var producer = new KafkaProducer<>(Settings.of(settings), new IntegerSerializer(), new IntegerSerializer())) {
            while (!Files.exists(stop)) {
                for (int i = 0; i < BURST; i++, n++) {
                    int number = n;
                    var record = new ProducerRecord<Integer, Integer>(topic, number % PARTITIONS, null, number);
                    producer.send(record, (metadata, error) -> {
                        if (error == null) {
                            ACKED.add(number);
                        } else {
                            REFUSED.incrementAndGet();
                            System.out.println("refused " + number + ": " + error);
                        }
                    });
                }
                if (n % 100 == 0) {
                    System.out.println("acked " + ACKED.size() + " consumed " + CONSUMED.size());
                }
                Thread.sleep(BURST);
            }
        }
        System.out.println("acked " + ACKED.size() + " consumed " + CONSUMED.size());
        return n;
    }

    private static void consume(String bootstrap, String topic) {
        // A fetch for each burst, not for each partition's part of it.
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "group.id", "load-" + topic,
                "auto.offset.reset", "earliest", "reconnect.backoff.max.ms", "200", "request.timeout.ms", "10000",
                "default.api.timeout.ms", "120000", "fetch.min.bytes", "1000", "fetch.max.wait.ms", "50");
        try (var consumer = new KafkaConsumer<>(Settings.of(settings), new IntegerDeserializer(), new IntegerDeserializer())) {
            consumer.subscribe(List.of(topic));
            while (!ENOUGH.get()) {
                for (ConsumerRecord<Integer, Integer> record : consumer.poll(Duration.ofMillis(100))) {
                    CONSUMED.add(record.value());
                }
            }
        }
    }

    private static void verify(String bootstrap, String topic, int unconsumed) {
        List<TopicPartition> partitions = new ArrayList<>();
        for (int i = 0; i < PARTITIONS; i++) {
            partitions.add(new TopicPartition(topic, i));
        }
        Set<Integer> held = new HashSet<>();
        int[] last = {-1, -1, -1};
        int duplicated = 0;
        int disordered = 0;
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "auto.offset.reset", "earliest");
        try (var consumer = new KafkaConsumer<>(Settings.of(settings), new IntegerDeserializer(), new IntegerDeserializer())) {
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            while (partitions.stream().anyMatch(partition -> consumer.position(partition) < ends.get(partition))) {
                for (ConsumerRecord<Integer, Integer> record : consumer.poll(Duration.ofMillis(200))) {
                    if (!held.add(record.value())) {
                        duplicated++;
                    } else if (record.value() < last[record.partition()]) {
                        disordered++;
                    }
                    last[record.partition()] = Math.max(last[record.partition()], record.value());
                }
            }
        }
        Set<Integer> lost = ACKED.stream().filter(number -> !held.contains(number)).collect(Collectors.toSet());
        System.out.println("lost " + lost.size() + " duplicated " + duplicated + " disordered " + disordered
                + " unconsumed " + unconsumed);
    }
}
