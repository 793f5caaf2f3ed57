import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.LongDeserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.Stores;

/**
 * A Kafka Streams application with exactly-once v2 that counts words. Lines are produced, one half before and one half
 * after the application is stopped and started again, which restores its state from the changelog. The last count of each
 * word must be the number of times it was produced. Arguments: bootstrap address, tag of the payloads, topic to read, topic
 * to write (both exist), application id, folder.
 */
final class StreamsCount {
    private static final int LINES = 300;
    private static final int WORDS = 7;
    private static final Duration LIMIT = Duration.ofSeconds(90);

    public static void main(String[] arguments) throws Exception {
        String bootstrap = arguments[0];
        String tag = arguments[1];
        Path folder = Files.createTempDirectory(Path.of(arguments[5]), "streams");
        Map<String, Long> expected = new HashMap<>();
        long records = 0;
        try (var consumer = new KafkaConsumer<>(Settings.of(Map.of("bootstrap.servers", bootstrap, "auto.offset.reset", "earliest",
                "group.id", arguments[4] + "-reader", "isolation.level", "read_committed")),
                new StringDeserializer(), new LongDeserializer())) {
            consumer.subscribe(List.of(arguments[3]));
            Map<String, Long> counts = new HashMap<>();
            for (int half = 0; half < 2; half++) {
                produce(bootstrap, arguments[2], tag, half, expected);
                AtomicReference<Throwable> fault = new AtomicReference<>();
                KafkaStreams streams = start(arguments, folder, fault);
                long end = System.nanoTime() + LIMIT.toNanos();
                while (!counts.equals(expected)) {
                    check(fault.get() == null, "the application failed: " + fault.get());
                    check(System.nanoTime() < end, "counted " + counts + ", not " + expected);
                    for (ConsumerRecord<String, Long> record : consumer.poll(Duration.ofMillis(200))) {
                        check(expected.containsKey(record.key()), record.key() + " is not ours");
                        Long before = counts.put(record.key(), record.value());
                        check(before == null || before < record.value(), record.key() + " went back from " + before);
                        records++;
                    }
                }
                check(streams.close(Duration.ofSeconds(30)), "the application does not stop");
            }
        }
        System.out.println(2 * LINES + " lines of " + expected.size() + " words counted, " + records + " updates");
    }

    private static void produce(String bootstrap, String topic, String tag, int half, Map<String, Long> expected)
            throws Exception {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        try (var producer = new KafkaProducer<>(Settings.of(Map.of("bootstrap.servers", bootstrap)), new StringSerializer(),
                new StringSerializer())) {
            for (int n = 0; n < LINES; n++) {
                String first = tag + "-word" + n % WORDS;
                String second = tag + "-half" + half;
                sent.add(producer.send(new ProducerRecord<>(topic, "key-" + n, first + " " + second)));
                expected.merge(first, 1L, Long::sum);
                expected.merge(second, 1L, Long::sum);
            }
            for (Future<RecordMetadata> future : sent) {
                future.get();
            }
        }
    }

    private static KafkaStreams start(String[] arguments, Path folder, AtomicReference<Throwable> fault) {
        StreamsBuilder builder = new StreamsBuilder();
        // Grouping by another key takes a topic of the application's own to repartition, counting takes a changelog.
        builder.stream(arguments[2], Consumed.with(Serdes.String(), Serdes.String()))
                .flatMapValues(line -> List.of(line.split(" ")))
                .groupBy((key, word) -> word, Grouped.with(Serdes.String(), Serdes.String()))
                .count(Materialized.<String, Long>as(Stores.inMemoryKeyValueStore("counts"))
                        .withKeySerde(Serdes.String()).withValueSerde(Serdes.Long()))
                .toStream().to(arguments[3], Produced.with(Serdes.String(), Serdes.Long()));
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, arguments[4]);
        settings.putAll(Settings.of(Map.of(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0])));
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, folder.toString());
        settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        // An application that stops does not leave its group: the next one waits for so long.
        settings.put(StreamsConfig.consumerPrefix("session.timeout.ms"), 6000);
        KafkaStreams streams = new KafkaStreams(builder.build(), settings);
        streams.setUncaughtExceptionHandler(error -> {
            fault.compareAndSet(null, error);
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.start();
        return streams;
    }

    private static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }
}
