import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.ApplicationRecoverableException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.IntegerDeserializer;
import org.apache.kafka.common.serialization.IntegerSerializer;

/**
 * A transactional producer that works until the file STOP exists: each transaction writes the same number to each of three
 * partitions, and a number whose transaction failed is written again. Then the committed records are read: each number that
 * was committed must be in each partition once, in order. Arguments: bootstrap address, topic, transactional id, STOP.
 * Prints "committed N" as it goes, and last "lost N duplicated N disordered N torn N".
 */
final class TransactionalLoad {
    private static final int PARTITIONS = 3;

    public static void main(String[] arguments) throws Exception {
        Set<Integer> committed = new HashSet<>();
        int number = 0;
        int failed = 0;
        while (!Files.exists(Path.of(arguments[3]))) {
            // A producer that was fenced or failed for good is replaced by the next one of the same id.
            try (var producer = producer(arguments[0], arguments[2])) {
                producer.initTransactions();
                while (!Files.exists(Path.of(arguments[3]))) {
                    if (transaction(producer, arguments[1], number)) {
                        committed.add(number++);
                    } else {
                        failed++;
                    }
                    if (number % 5 == 0) {
                        System.out.println("committed " + committed.size());
                    }
                    Thread.sleep(30);
                }
            } catch (KafkaException error) {
                failed++;
                System.out.println("begins anew: " + error);
                // What became of the transaction in hand is not known: its number is left behind.
                number++;
            }
        }
        verify(arguments[0], arguments[1], committed);
        System.out.println("failed " + failed);
    }

    /** One transaction; false when it was aborted. What cannot be told now is asked again until it can. */
    private static boolean transaction(KafkaProducer<Integer, Integer> producer, String topic, int number)
            throws InterruptedException {
        try {
            producer.beginTransaction();
            for (int partition = 0; partition < PARTITIONS; partition++) {
                producer.send(new ProducerRecord<>(topic, partition, null, number));
            }
            for (int tries = 0;; tries++) {
                try {
                    producer.commitTransaction();
                    return true;
                } catch (TimeoutException error) {
                    if (tries == 20) {
                        throw error;
                    }
                }
            }
        } catch (TimeoutException | ApplicationRecoverableException error) {
            throw error;
        } catch (KafkaException error) {
            System.out.println("aborted " + number + ": " + error);
            producer.abortTransaction();
            return false;
        }
    }

    private static KafkaProducer<Integer, Integer> producer(String bootstrap, String id) {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "transactional.id", id, "linger.ms", "0",
                "max.block.ms", "20000", "request.timeout.ms", "10000", "delivery.timeout.ms", "60000",
                "reconnect.backoff.max.ms", "200", "retry.backoff.max.ms", "200");
        return new KafkaProducer<>(Settings.of(settings), new IntegerSerializer(), new IntegerSerializer());
    }

    private static void verify(String bootstrap, String topic, Set<Integer> committed) {
        List<TopicPartition> partitions =
                List.of(new TopicPartition(topic, 0), new TopicPartition(topic, 1), new TopicPartition(topic, 2));
        List<Set<Integer>> held = List.of(new HashSet<>(), new HashSet<>(), new HashSet<>());
        int[] last = {-1, -1, -1};
        int duplicated = 0;
        int disordered = 0;
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "auto.offset.reset", "earliest",
                "isolation.level", "read_committed");
        try (var consumer = new KafkaConsumer<>(Settings.of(settings), new IntegerDeserializer(), new IntegerDeserializer())) {
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            while (partitions.stream().anyMatch(partition -> consumer.position(partition) < ends.get(partition))) {
                for (ConsumerRecord<Integer, Integer> record : consumer.poll(Duration.ofMillis(200))) {
                    if (!held.get(record.partition()).add(record.value())) {
                        duplicated++;
                    } else if (record.value() < last[record.partition()]) {
                        disordered++;
                    }
                    last[record.partition()] = Math.max(last[record.partition()], record.value());
                }
            }
        }
        long lost = committed.stream().filter(number -> held.stream().anyMatch(all -> !all.contains(number))).count();
        boolean torn = held.stream().anyMatch(all -> !all.equals(held.get(0)));
        System.out.println("lost " + lost + " duplicated " + duplicated + " disordered " + disordered + " torn "
                + (torn ? 1 : 0));
    }
}
