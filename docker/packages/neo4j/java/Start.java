import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.neo4j.cli.ExecutionContext;
import org.neo4j.commandline.admin.security.SetInitialPasswordCommand;
import org.neo4j.commandline.admin.security.exception.InvalidPasswordException;
import org.neo4j.server.CommunityEntryPoint;
import picocli.CommandLine;

/**
 * Runs Neo4j's own set-initial-password, then the server, in one JVM. The admin tool takes two more JVMs and 2 s.
 *
 * The password comes from standard input, so it is in no argument list; an empty line means that none is set. The
 * server starts only after the password is on disk: the default one never works. As with the admin tool, Neo4j
 * reads it only when the volume has no users yet.
 */
public final class Start {
    public static void main(String[] arguments) throws Exception {
        String password = new String(System.in.readAllBytes(), StandardCharsets.UTF_8).replaceFirst("\n$", "");
        try {
            if (!password.isEmpty()) {
                setInitialPassword(Path.of(System.getenv("NEO4J_HOME")), password);
            }
            if (Boolean.getBoolean("training")) {
                new Thread(() -> Training.askAndEnd(password)).start();
            }
            CommunityEntryPoint.main(arguments);
        } catch (IllegalArgumentException | InvalidPasswordException refused) {
            System.err.println("The server was not started: " + refused.getMessage());
            System.exit(1);
        }
    }

    private static void setInitialPassword(Path home, String password) throws Exception {
        var command = new SetInitialPasswordCommand(new ExecutionContext(home, home.resolve("conf")));
        // a password may begin with @ or -, which mean something to the parser
        new CommandLine(command).setExpandAtFiles(false).parseArgs("--", password);
        command.execute();
    }
}
