import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;

/** Settings of a client; where its address is one with TLS, with what the file adds that the property klamm.properties names. */
final class Settings {
    private static final String NAMED = ".klamm.test:";

    static Map<String, Object> of(Map<String, Object> own) {
        if (!own.get("bootstrap.servers").toString().contains(NAMED)) {
            return own;
        }
        Map<String, Object> all = new HashMap<>(own);
        Properties more = new Properties();
        try (Reader reader = Files.newBufferedReader(Path.of(System.getProperty("klamm.properties")))) {
            more.load(reader);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        more.forEach((key, value) -> all.put((String) key, value));
        return all;
    }

    private Settings() {}
}
