import java.io.ByteArrayInputStream;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs main methods, one call after the other, each as if it had a JVM of its own: to start one costs more than what most
 * tools do. A call is a folder, whose path is a line of standard input. Its file "call" holds the class, the file of more
 * settings (or nothing) and the arguments, a NUL behind each; "in" is the standard input, "out" and "err" are written as
 * the call goes on, and last "status": the exit status, and "spent" when a thread of the call is still there. Then this JVM
 * ends, as that thread would have ended with its own. So it does where a tool ends the JVM by other means than Kafka's.
 */
final class Tools {
    /** What a thread of a call may take to end once the call is over. */
    private static final long LEFT_MS = 2000;
    private static final PrintStream LOG = System.err;

    private static final Switched OUT = new Switched();
    private static final Switched ERR = new Switched();

    /** Ends the thread that wanted to end the JVM. */
    private static final class Exited extends Error {
        private Exited() {
            super("the call has ended", null, false, false);
        }
    }

    public static void main(String[] arguments) throws Exception {
        // Whoever keeps a stream beyond a call, as loggers do, keeps one that leads to the call in hand.
        System.setOut(new PrintStream(OUT, true));
        System.setErr(new PrintStream(ERR, true));
        Properties properties = (Properties) System.getProperties().clone();
        BufferedReader calls = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String folder = calls.readLine(); folder != null; folder = calls.readLine()) {
            System.setProperties((Properties) properties.clone());
            boolean spent = call(Path.of(folder));
            if (spent) {
                break;
            }
        }
        Runtime.getRuntime().halt(0);
    }

    private static boolean call(Path folder) throws Exception {
        List<String> call = new ArrayList<>(Arrays.asList(Files.readString(folder.resolve("call")).split("\0", -1)));
        call.remove(call.size() - 1);
        String[] arguments = call.subList(2, call.size()).toArray(String[]::new);
        System.setProperty("klamm.properties", call.get(1));
        System.setIn(new ByteArrayInputStream(Files.readAllBytes(folder.resolve("in"))));
        CompletableFuture<Integer> status = new CompletableFuture<>();
        List<Runnable> hooks = new ArrayList<>();
        Exit.Procedure exit = (code, message) -> {
            status.complete(code);
            throw new Exited();
        };
        Exit.setExitProcedure(exit);
        Exit.setHaltProcedure(exit);
        Exit.setShutdownHookAdder((name, hook) -> {
            synchronized (hooks) {
                hooks.add(hook);
            }
        });
        ThreadGroup group = new ThreadGroup(call.get(0));
        try (OutputStream out = Files.newOutputStream(folder.resolve("out"));
                OutputStream err = Files.newOutputStream(folder.resolve("err"))) {
            OUT.to(out);
            ERR.to(err);
            Thread main = new Thread(group, () -> status.complete(run(call.get(0), arguments, group)), "main");
            main.start();
            int code = status.get();
            synchronized (hooks) {
                hooks.forEach(hook -> guarded(group, hook));
            }
            boolean spent = isLeft(group);
            OUT.to(LOG);
            ERR.to(LOG);
            Path written = Files.writeString(folder.resolve("written"), code + (spent ? " spent" : ""));
            Files.move(written, folder.resolve("status"), StandardCopyOption.ATOMIC_MOVE);
            return spent;
        }
    }

    /** The status with which a JVM ends whose main method returns: after all threads that are no daemons. */
    private static int run(String name, String[] arguments, ThreadGroup group) {
        int status = 0;
        try {
            Method main = Class.forName(name).getDeclaredMethod("main", String[].class);
            main.setAccessible(true);
            main.invoke(null, (Object) arguments);
        } catch (InvocationTargetException error) {
            if (!(error.getCause() instanceof Exited)) {
                System.err.print("Exception in thread \"main\" ");
                error.getCause().printStackTrace();
                status = 1;
            }
        } catch (ReflectiveOperationException error) {
            error.printStackTrace();
            status = 1;
        }
        while (threads(group).stream().anyMatch(thread -> thread != Thread.currentThread() && !thread.isDaemon())) {
            pause(5);
        }
        return status;
    }

    private static void guarded(ThreadGroup group, Runnable hook) {
        Thread thread = new Thread(group, hook, "hook");
        thread.start();
        try {
            thread.join();
        } catch (InterruptedException error) {
            throw new AssertionError(error);
        }
    }

    /** Whether a thread outlives its call; says which. */
    private static boolean isLeft(ThreadGroup group) {
        long end = System.currentTimeMillis() + LEFT_MS;
        while (!threads(group).isEmpty() && System.currentTimeMillis() < end) {
            pause(2);
        }
        List<Thread> left = threads(group);
        left.forEach(thread -> LOG.println(group.getName() + " leaves the thread " + thread.getName()));
        return !left.isEmpty();
    }

    private static List<Thread> threads(ThreadGroup group) {
        Thread[] all = new Thread[group.activeCount() + 16];
        return Arrays.asList(all).subList(0, group.enumerate(all));
    }

    private static void pause(long milliseconds) {
        try {
            Thread.sleep(milliseconds);
        } catch (InterruptedException error) {
            throw new AssertionError(error);
        }
    }

    /** A stream that leads elsewhere in each call, and is never closed. */
    private static final class Switched extends OutputStream {
        private volatile OutputStream to = LOG;

        void to(OutputStream stream) {
            to = stream;
        }

        @Override
        public void write(int one) throws IOException {
            to.write(one);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            to.write(bytes, offset, length);
        }

        @Override
        public void flush() throws IOException {
            to.flush();
        }
    }

    private Tools() {}
}
