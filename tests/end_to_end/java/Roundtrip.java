import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Produces records of every kind and consumes them as a member of a group; every byte, header, timestamp, partition and
 * offset must be the produced one. Arguments: where to produce, where to consume, topic, group.protocol.
 */
final class Roundtrip {
    private static final int PARTITIONS = 3;
    private static final int EACH_CODEC = 400;
    private static final int LARGE_BYTES = 900_000;
    private static final long FIRST_TIMESTAMP = 1_700_000_000_000L;

    public static void main(String[] arguments) throws Exception {
        List<ProducerRecord<byte[], byte[]>> produced = new ArrayList<>();
        List<RecordMetadata> acknowledged = new ArrayList<>();
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            produce(arguments[0], arguments[2], codec, produced, acknowledged);
        }
        long bytes = consume(arguments[1], arguments[2], arguments[3], produced, acknowledged);
        System.out.println(produced.size() + " records of " + bytes + " bytes arrived unchanged");
    }

    private static void produce(String bootstrap, String topic, String codec,
            List<ProducerRecord<byte[], byte[]>> produced, List<RecordMetadata> acknowledged) throws Exception {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "compression.type", codec,
                "enable.idempotence", "true", "acks", "all", "linger.ms", "5", "batch.size", "65536");
        List<Future<RecordMetadata>> pending = new ArrayList<>();
        try (var producer = new KafkaProducer<>(Settings.of(settings), new ByteArraySerializer(), new ByteArraySerializer())) {
            for (int i = 0; i < EACH_CODEC; i++) {
                ProducerRecord<byte[], byte[]> record = record(topic, produced.size());
                produced.add(record);
                pending.add(producer.send(record));
            }
            for (Future<RecordMetadata> future : pending) {
                acknowledged.add(future.get());
            }
        }
    }

    /** Null and empty keys and values, all byte values, headers that repeat, are null or empty, and now and then a large one. */
    private static ProducerRecord<byte[], byte[]> record(String topic, int n) {
        Random random = new Random(n);
        byte[] key = n % 5 == 0 ? null : bytes(random, n % 7 == 0 ? 0 : 16);
        byte[] value = n % 11 == 0 ? null : bytes(random, n % 13 == 0 ? 0 : n % 200 == 1 ? LARGE_BYTES : n % 600);
        List<Header> headers = new ArrayList<>();
        headers.add(new RecordHeader("n", Integer.toString(n).getBytes(StandardCharsets.UTF_8)));
        for (int i = 0; i < n % 4; i++) {
            headers.add(new RecordHeader("twice \u00e9\u4e16", i == 1 ? null : bytes(random, i * 20)));
        }
        return new ProducerRecord<>(topic, n % PARTITIONS, FIRST_TIMESTAMP + n * 7919L, key, value, headers);
    }

    private static byte[] bytes(Random random, int length) {
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        return bytes;
    }

    private static long consume(String bootstrap, String topic, String protocol,
            List<ProducerRecord<byte[], byte[]>> produced, List<RecordMetadata> acknowledged) {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "group.id", "roundtrip-" + topic,
                "group.protocol", protocol, "auto.offset.reset", "earliest");
        boolean[] seen = new boolean[produced.size()];
        int count = 0;
        long bytes = 0;
        long end = System.nanoTime() + Duration.ofSeconds(90).toNanos();
        try (var consumer = new KafkaConsumer<>(Settings.of(settings), new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.subscribe(List.of(topic));
            while (count < seen.length) {
                check(System.nanoTime() < end, "only " + count + " records came");
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(500))) {
                    int n = Integer.parseInt(new String(record.headers().lastHeader("n").value(), StandardCharsets.UTF_8));
                    check(!seen[n], "record " + n + " came twice");
                    seen[n] = true;
                    count++;
                    bytes += Math.max(record.serializedValueSize(), 0);
                    compare(n, produced.get(n), acknowledged.get(n), record);
                }
            }
            consumer.commitSync();
        }
        return bytes;
    }

    private static void compare(int n, ProducerRecord<byte[], byte[]> sent, RecordMetadata acknowledged,
            ConsumerRecord<byte[], byte[]> came) {
        check(Arrays.equals(sent.key(), came.key()), "key of " + n);
        check(Arrays.equals(sent.value(), came.value()), "value of " + n);
        check(sent.timestamp() == came.timestamp(), "timestamp of " + n);
        check(Arrays.equals(sent.headers().toArray(), came.headers().toArray()), "headers of " + n);
        check(sent.partition() == came.partition(), "partition of " + n);
        check(acknowledged.offset() == came.offset(), "offset of " + n);
    }

    private static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }
}
