import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.neo4j.driver.AuthTokens;
import org.neo4j.driver.GraphDatabase;

/** Asks the server that starts in this JVM what a first client asks, so that the classes it takes get into the archive. */
final class Training {
    private static final List<String> STATEMENTS = List.of(
            "RETURN 1",
            "CREATE CONSTRAINT training IF NOT EXISTS FOR (n:Training) REQUIRE n.id IS UNIQUE",
            "CREATE INDEX trained IF NOT EXISTS FOR (n:Training) ON (n.created_at)",
            "SHOW INDEXES",
            "MERGE (n:Training {id: $id}) SET n += $properties, n.created_at = datetime() RETURN n",
            "MATCH (n:Training) WHERE n.id = $id AND n.name STARTS WITH 'a' RETURN count(n) AS count",
            "MATCH (n:Training) OPTIONAL MATCH (n)-[r]-(m) RETURN n, r, m ORDER BY n.id LIMIT 5",
            "MATCH (n:Training) DETACH DELETE n");

    /** Asks and ends this JVM: with 1 when the server does not answer as it should. */
    static void askAndEnd(String password) {
        int code = 1;
        try {
            ask(password);
            code = 0;
        } catch (Exception error) {
            error.printStackTrace();
        } finally {
            System.exit(code);
        }
    }

    private static void ask(String password) throws Exception {
        awaitHttp(password, System.nanoTime() + 300_000_000_000L);
        Map<String, Object> parameters = Map.of("id", "a", "properties", Map.of("name", "a", "tags", List.of("b")));
        try (var driver = GraphDatabase.driver("bolt://127.0.0.1:7687", AuthTokens.basic("neo4j", password));
                var session = driver.session()) {
            STATEMENTS.forEach(statement -> session.run(statement, parameters).consume());
            session.executeRead(transaction -> transaction.run("RETURN 1").consume());
        }
    }

    private static void awaitHttp(String password, long deadline) throws Exception {
        String login = Base64.getEncoder().encodeToString(("neo4j:" + password).getBytes());
        var request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:7474/db/neo4j/tx/commit"))
                .header("Authorization", "Basic " + login)
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString("{\"statements\":[{\"statement\":\"RETURN 1\"}]}"))
                .build();
        var client = HttpClient.newHttpClient();
        while (true) {
            String answer;
            try {
                var response = client.send(request, BodyHandlers.ofString());
                if (response.statusCode() == 401) {
                    throw new IllegalStateException("Another server answered: it rejects the training's login");
                }
                answer = response.body();
            } catch (java.io.IOException notListeningYet) {
                answer = notListeningYet.toString();
            }
            if (answer.contains("\"errors\":[]")) {
                return;
            }
            if (System.nanoTime() > deadline) {
                throw new IllegalStateException("The server gave no result within 300 s, but: " + answer);
            }
            Thread.sleep(100);
        }
    }
}
