import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.core.config.Configurator;

/**
 * A consumer of one partition that holds still in the middle of what it fetched, so that no fetch is in flight and its
 * session is at rest, until the file GO exists; then it reads on. Record n must have the value n, and come once.
 * Arguments: bootstrap address, topic, how many records to read, GO. What Kafka's client says of its sessions is printed.
 */
final class FetchSession {
    private static final int BEFORE = 3;

    public static void main(String[] arguments) throws Exception {
        Configurator.setLevel("org.apache.kafka.clients.FetchSessionHandler", Level.INFO);
        int records = Integer.parseInt(arguments[2]);
        Map<String, Object> settings = Map.of("bootstrap.servers", arguments[0], "max.poll.records", "1",
                "reconnect.backoff.max.ms", "200", "request.timeout.ms", "10000");
        long end = System.nanoTime() + Duration.ofSeconds(90).toNanos();
        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            List<TopicPartition> partitions = List.of(new TopicPartition(arguments[1], 0));
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            for (int n = 0; n < records;) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) {
                    if (record.offset() != n || !record.value().equals(Integer.toString(n))) {
                        throw new AssertionError("record " + n + " is " + record);
                    }
                    n++;
                    if (n == BEFORE) {
                        System.out.println("waits");
                        hold(consumer, partitions, Path.of(arguments[3]));
                    }
                }
                if (System.nanoTime() > end) {
                    throw new AssertionError("only " + n + " records came");
                }
            }
            System.out.println(records + " records, each once");
        }
    }

    /** Fetches nothing, but notices when a connection ends. */
    private static void hold(KafkaConsumer<String, String> consumer, List<TopicPartition> partitions, Path go) {
        consumer.pause(partitions);
        while (!Files.exists(go)) {
            if (!consumer.poll(Duration.ofMillis(20)).isEmpty()) {
                throw new AssertionError("a record of a paused partition");
            }
        }
        consumer.resume(partitions);
    }
}
