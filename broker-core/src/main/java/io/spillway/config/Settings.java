package io.spillway.config;

import io.spillway.config.Setting.Meaning;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Every setting that is taken. The ones Spillway reads stand here; Kafka's others stand in {@code
 * kafka-settings.txt}, which is read only when one of them is set, so that a plain start does not
 * pay for three hundred names. docs/configuration.md is made from this table.
 */
public final class Settings {

  /** Settings under these are Kafka's per listener or plug-in; none of them acts here. */
  static final List<String> ACCEPTED_PREFIXES =
      List.of("listener.name.", "rlmm.config.", "rsm.config.", "log4j.");

  private static final Map<String, Setting> READ = new LinkedHashMap<>(128);

  static {
    // Where data is.
    ours(
        "data.dir",
        Setting.Type.STRING,
        "./spillway-data",
        "Directory of everything this broker keeps on local disk. One broker at a time, and one"
            + " cluster: another one's bucket is refused.");
    ours(
        "wal.url",
        Setting.Type.STRING,
        null,
        "Where the write-ahead log is: `file:DIR`, or `object:` for the bucket. Default: `wal` under"
            + " `data.dir`. What is acked and not yet uploaded is only there: give a directory a"
            + " durable volume. With `object:` nothing local is needed, batches are acknowledged"
            + " after up to 250 ms and a write to the bucket, and the bucket gets at most five"
            + " requests a second for it. May be switched: the log that is left is drained"
            + " first, where `data.dir` remembers it to be, and refused by name if it is not there.");
    ours(
        "object.store.url",
        Setting.Type.STRING,
        null,
        "Where objects are: `file:DIR`, or `s3://BUCKET/PREFIX?name=value&...`. Default: `store`"
            + " under `data.dir`. The parameters of an S3 URL are in docs/operations.md.");
    ours(
        "object.store.access.key",
        Setting.Type.PASSWORD,
        null,
        "Access key for an S3 store. Default: what the AWS SDK finds: the variables"
            + " `AWS_ACCESS_KEY_ID` and so on, the shared files, a web identity, the container, the"
            + " instance.");
    ours(
        "object.store.secret.key",
        Setting.Type.PASSWORD,
        null,
        "Secret key that belongs to `object.store.access.key`.");
    ours(
        "object.store.session.token",
        Setting.Type.PASSWORD,
        null,
        "Session token that belongs to `object.store.access.key`, if that is temporary.");
    number(
        "object.store.max.requests",
        32,
        1,
        1_000,
        "Requests to an S3 store under way at once, of each kind: reads, writes, conditional"
            + " creates.");
    number(
        "object.store.max.requests.per.second",
        1_000,
        1,
        1_000_000,
        "Requests to an S3 store in a second, of each kind. A store that answers 'slow down' is"
            + " asked less, of that kind.");
    bytes(
        "wal.capacity.bytes",
        1L << 30,
        16L << 20,
        Long.MAX_VALUE,
        "What the write-ahead log may hold. When it is full, producers are slowed, then refused"
            + " retriably, until uploads free some.");
    bytes(
        "wal.buffer.bytes",
        64L << 20,
        8L << 20,
        Long.MAX_VALUE,
        "With `wal.url=object:`, memory for batches that wait for the bucket. While the bucket"
            + " cannot be reached, producers go on until it is used up; then they are slowed, then"
            + " refused retriably. A quarter of it is the largest batch.");
    bool(
        "wal.direct.io",
        true,
        "Write the log past the page cache where the file system allows it; otherwise, and with"
            + " `false`, writes are buffered and forced.");
    bytes(
        "upload.bytes",
        48L << 20,
        64L << 10,
        5L << 40,
        "Upload when this much waits in the write-ahead log. Below half of `tail.cache.bytes`,"
            + " uploads rarely have to read the log back. At most half of `wal.capacity.bytes`,"
            + " and a quarter of it where this is not set and that is less.");
    millis(
        "upload.interval.ms",
        60_000,
        100,
        Long.MAX_VALUE,
        "Upload what has waited for this long, however little it is.");

    // Merging.
    bytes(
        "merge.bytes.per.second",
        16L << 20,
        0,
        Long.MAX_VALUE,
        "How much merging of small objects into larger ones may read and write together in a"
            + " second. 0 turns it off. It waits while uploads are behind, while the write-ahead"
            + " log fills up, and for 10 s after the object store failed or throttled a request.");
    number(
        "merge.requests.per.second",
        20,
        1,
        10_000,
        "How many requests merging may send to the object store in a second, one at a time.");
    bytes(
        "merge.buffer.bytes",
        32L << 20,
        1L << 20,
        Long.MAX_VALUE,
        "Memory for merging: half for what is written, a quarter for what is read, a quarter for"
            + " the indexes of what is read.");
    bytes(
        "merge.large.bytes",
        32L << 20,
        64L << 10,
        1L << 40,
        "What one object has of a partition is large from this size on and is merged no further.");
    number(
        "merge.fan.in",
        8,
        2,
        64,
        "So many objects, or parts of a partition, of about one size are merged into one. Larger:"
            + " fewer bytes are written again, and reads of old data take more requests.");
    millis(
        "merge.interval.ms",
        60_000,
        100,
        Long.MAX_VALUE,
        "How often to look for something to merge, as long as anything is uploaded.");

    // Compaction.
    bool(
        "log.cleaner.enable",
        Meaning.USED,
        true,
        "Compact the partitions of topics with `cleanup.policy=compact`; otherwise they keep"
            + " everything.");
    used(
        "log.cleaner.backoff.ms",
        Setting.Type.LONG,
        1,
        Long.MAX_VALUE,
        "15000",
        "How often to look for a partition to compact when there was none.");
    used(
        "log.cleaner.dedupe.buffer.size",
        Setting.Type.LONG,
        1 << 20,
        32L << 30,
        "33554432",
        "Memory for the keys of a pass, taken as far as it is needed: about 24 bytes for each key"
            + " that is dirty. Keys that do not fit wait for the next pass.");
    used(
        "log.cleaner.io.max.bytes.per.second",
        Setting.Type.DOUBLE,
        "33554432",
        "How much compaction may read and write together in a second. It waits while uploads are"
            + " behind, while the write-ahead log fills up, and for 10 s after the object store"
            + " failed or throttled a request.");
    number(
        "compaction.requests.per.second",
        50,
        1,
        10_000,
        "How many requests compaction may send to the object store in a second, one at a time.");
    bytes(
        "compaction.buffer.bytes",
        32L << 20,
        1L << 20,
        Long.MAX_VALUE,
        "Memory for compaction besides that for keys: half for what is written, a quarter for what"
            + " is read.");

    // Memory.
    bytes(
        "tail.cache.bytes",
        128L << 20,
        8L << 20,
        Long.MAX_VALUE,
        "Memory for recent blocks of the write-ahead log, which serve consumers near the end.");
    bytes(
        "block.cache.bytes",
        64L << 20,
        1L << 20,
        Long.MAX_VALUE,
        "Memory for blocks read from objects; what is asked for often stays while a backlog passes.");
    bytes(
        "index.cache.bytes",
        16L << 20,
        1L << 20,
        Long.MAX_VALUE,
        "Memory for indexes of objects: about 100 bytes for each stream and each 256 KiB in one.");
    bytes(
        "read.ahead.bytes",
        64L << 20,
        1L << 20,
        Long.MAX_VALUE,
        "Memory for reads behind the tail that are under way, fair between client ids. A quarter is"
            + " for reading the write-ahead log back, the rest for objects: up to three quarters of"
            + " that for what is fetched ahead of sequential readers, which gives way to what"
            + " readers wait for.");
    number(
        "read.max.requests",
        16,
        1,
        1_000,
        "Reads of objects under way at once, for consumers that are behind. In an S3 store less"
            + " than `object.store.max.requests` leaves some for everything else.");
    bytes(
        "fetch.response.bytes",
        64L << 20,
        1L << 20,
        Long.MAX_VALUE,
        "Memory for fetch responses that are read and not yet sent, shared fairly between client"
            + " ids: a fetch gets less, or waits, when there is none left.");
    bytes(
        "upload.buffer.bytes",
        128L << 20,
        8L << 20,
        Long.MAX_VALUE,
        "Memory for uploads that are under way.");
    number(
        "catalog.index.min.extents",
        50_000,
        0,
        10_000_000,
        "Up to so many extents (stretches of a partition in an object), the catalog is kept in"
            + " memory, at 100 to 350 bytes each. A larger one is kept in an index under"
            + " `data.dir`, which is made when it is needed and may be deleted.");
    used(
        "queued.max.request.bytes",
        Setting.Type.LONG,
        -1,
        Long.MAX_VALUE,
        "134217728",
        "Memory for requests that are being received or handled, shared fairly between client ids."
            + " -1 is the default, not unlimited. At least `socket.request.max.bytes`.");

    // This node.
    used(
        "node.id",
        Setting.Type.INT,
        0,
        Integer.MAX_VALUE,
        "1",
        "Id of this broker in its cluster.");
    used(
        "broker.id",
        Setting.Type.INT,
        -1,
        Integer.MAX_VALUE,
        "-1",
        "Older name of `node.id`; where both are set they must agree. -1: not set.");
    millis(
        "presence.interval.ms",
        60_000,
        100,
        86_400_000,
        "How often this broker says in the object store that it is alive: one small write. A second"
            + " one of the same `node.id` is refused by name for it.");
    used("broker.rack", Setting.Type.STRING, null, "Rack of this broker, shown to clients.");
    choice(
        "process.roles",
        Setting.Type.LIST,
        "broker,controller",
        List.of("broker", "controller"),
        "Has to name `broker`. This process always is both.");

    // Listeners.
    used(
        "listeners",
        Setting.Type.LIST,
        "PLAINTEXT://127.0.0.1:9092",
        "`NAME://HOST:PORT` to listen on. An empty host is every address; port 0 is any free one."
            + " Those of `controller.listener.names` are left out.");
    used(
        "advertised.listeners",
        Setting.Type.LIST,
        null,
        "`NAME://HOST:PORT` that clients are told. Default: as `listeners`, with the port that was"
            + " bound, and this machine's name where the host is empty.");
    used(
        "listener.security.protocol.map",
        Setting.Type.LIST,
        "PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL",
        "Protocol of each listener name. Listeners in use have to be PLAINTEXT.");
    used(
        "inter.broker.listener.name",
        Setting.Type.STRING,
        null,
        "Listener that other brokers use. Default: the first.");
    used(
        "controller.listener.names",
        Setting.Type.LIST,
        "",
        "Names in `listeners` that are for Kafka controllers. There are none here, so these are"
            + " not opened.");

    // Network.
    used("num.network.threads", Setting.Type.INT, 1, 1024, "2", "Event loops for connections.");
    used(
        "num.io.threads",
        Setting.Type.INT,
        1,
        1024,
        "4",
        "Threads for blocking work: reads behind the tail, object store requests.");
    used(
        "socket.request.max.bytes",
        Setting.Type.INT,
        1024,
        Integer.MAX_VALUE,
        "104857600",
        "Largest request.");
    used(
        "socket.send.buffer.bytes",
        Setting.Type.INT,
        -1,
        Integer.MAX_VALUE,
        "-1",
        "TCP send buffer; -1 leaves it to the operating system.");
    used(
        "socket.receive.buffer.bytes",
        Setting.Type.INT,
        -1,
        Integer.MAX_VALUE,
        "-1",
        "TCP receive buffer; -1 leaves it to the operating system.");
    used(
        "socket.listen.backlog.size",
        Setting.Type.INT,
        1,
        Integer.MAX_VALUE,
        "1024",
        "Connections that may wait to be accepted.");
    used(
        "max.connections",
        Setting.Type.INT,
        0,
        Integer.MAX_VALUE,
        "2147483647",
        "Connections of this broker; further ones are closed.");
    used(
        "max.connections.per.ip",
        Setting.Type.INT,
        0,
        Integer.MAX_VALUE,
        "2147483647",
        "Connections from one address; further ones are closed.");
    used(
        "max.connections.per.ip.overrides",
        Setting.Type.LIST,
        "",
        "`HOST:COUNT`, instead of `max.connections.per.ip`.");
    used(
        "connections.max.idle.ms",
        Setting.Type.LONG,
        -1,
        Long.MAX_VALUE,
        "600000",
        "Connections idle for longer are closed; -1 never.");
    millis(
        "request.receive.timeout.ms",
        30_000,
        100,
        Long.MAX_VALUE,
        "A request has to arrive completely this long after it began, or make progress at"
            + " `request.receive.min.bytes.per.second`.");
    number(
        "request.receive.min.bytes.per.second",
        16_384,
        0,
        Long.MAX_VALUE,
        "Progress that a request has to make once `request.receive.timeout.ms` is over; 0 asks for"
            + " one byte in `connections.max.idle.ms` (in 10 minutes where that is -1), and for all"
            + " of it within a day.");
    used(
        "fetch.max.bytes",
        Setting.Type.INT,
        1024,
        Integer.MAX_VALUE,
        "57671680",
        "Most bytes of one fetch response.");
    used(
        "max.incremental.fetch.session.cache.slots",
        Setting.Type.INT,
        0,
        Integer.MAX_VALUE,
        "1000",
        "Incremental fetch sessions kept (KIP-227).");
    used(
        "max.request.partition.size.limit",
        Setting.Type.INT,
        1,
        Integer.MAX_VALUE,
        "2000",
        "Most partitions of one DescribeTopicPartitions answer.");

    // Topics.
    used(
        "num.partitions",
        Setting.Type.INT,
        1,
        Integer.MAX_VALUE,
        "1",
        "Partitions of a topic for which nobody says how many.");
    used(
        "default.replication.factor",
        Setting.Type.INT,
        1,
        Short.MAX_VALUE,
        "1",
        "Replication factor of a topic for which nobody says one. Data is stored once: a replica is"
            + " a broker entitled to lead.");
    bool(
        "auto.create.topics.enable",
        Meaning.USED,
        true,
        "Create a topic when a client asks for it, and allows that.");
    bool("delete.topic.enable", Meaning.USED, true, "Let clients delete topics.");
    used(
        "message.max.bytes",
        Setting.Type.INT,
        0,
        Integer.MAX_VALUE,
        "1048588",
        "Largest record batch, unless the topic says otherwise.");
    bool(
        "broker.validate.records",
        Meaning.OURS,
        false,
        "Read the body of every batch and check each record as Kafka does. Otherwise only the batch"
            + " header and checksum are checked where the topic does not demand more.");
    used(
        "log.retention.ms",
        Setting.Type.LONG,
        -1,
        Long.MAX_VALUE,
        null,
        "How long records are kept, unless the topic says otherwise; -1 forever. Default: what"
            + " `log.retention.minutes` says.");
    used(
        "log.retention.minutes",
        Setting.Type.INT,
        -1,
        Integer.MAX_VALUE,
        null,
        "As `log.retention.ms`, in minutes. Default: what `log.retention.hours` says.");
    used(
        "log.retention.hours",
        Setting.Type.INT,
        -1,
        Integer.MAX_VALUE,
        "168",
        "As `log.retention.ms`, in hours.");
    used(
        "log.retention.bytes",
        Setting.Type.LONG,
        -1,
        Long.MAX_VALUE,
        "-1",
        "Bytes kept per partition, unless the topic says otherwise; -1 any.");
    used(
        "log.retention.check.interval.ms",
        Setting.Type.LONG,
        1,
        Long.MAX_VALUE,
        "300000",
        "How often retention is applied.");
    used(
        "producer.id.expiration.ms",
        Setting.Type.INT,
        1,
        Integer.MAX_VALUE,
        "86400000",
        "How long the sequence of an idle idempotent producer is remembered.");

    // Groups and transactions.
    used(
        "offsets.topic.num.partitions",
        Setting.Type.INT,
        1,
        Integer.MAX_VALUE,
        "50",
        "Partitions of `__consumer_offsets`; fixed once it exists.");
    used(
        "offsets.topic.replication.factor",
        Setting.Type.SHORT,
        1,
        Short.MAX_VALUE,
        "3",
        "Replication factor asked for `__consumer_offsets`.");
    used(
        "group.coordinator.threads",
        Setting.Type.INT,
        1,
        1024,
        "2",
        "Threads of the group coordinator.");
    used(
        "transaction.state.log.num.partitions",
        Setting.Type.INT,
        1,
        Integer.MAX_VALUE,
        "50",
        "Partitions of `__transaction_state`; fixed once it exists.");
    used(
        "transaction.state.log.replication.factor",
        Setting.Type.SHORT,
        1,
        Short.MAX_VALUE,
        "3",
        "Replication factor asked for `__transaction_state`.");

    // Operation.
    millis(
        "shutdown.timeout.ms",
        25_000,
        0,
        Long.MAX_VALUE,
        "How long a clean stop may take. What was not uploaded by then stays in the write-ahead"
            + " log, and is said.");
    ours(
        "metrics.listener",
        Setting.Type.STRING,
        "127.0.0.1:9404",
        "`HOST:PORT` of `/metrics`, `/livez` and `/readyz`, or `off`; port 0 is any free one. When"
            + " the default is taken by somebody else, the broker says so and serves without it;"
            + " an address that was set has to be free.");
    number(
        "metrics.max.clients",
        200,
        0,
        100_000,
        "Client ids that are counted apart; further ones are counted as `other`.");
    number(
        "metrics.max.topics",
        1_000,
        0,
        100_000,
        "Topics that are counted apart; further ones are counted as `other`.");
  }

  private Settings() {}

  /** The settings that Spillway reads, in the order of the documentation. */
  public static Collection<Setting> read() {
    return List.copyOf(READ.values());
  }

  /** Kafka's other settings, by name. */
  public static Map<String, Setting> kafka() {
    return KafkaSettings.BY_NAME;
  }

  /** The setting of that name; null when there is none. */
  public static @Nullable Setting find(String name) {
    Setting setting = READ.get(name);
    return setting != null ? setting : KafkaSettings.BY_NAME.get(name);
  }

  /** As {@link #find}, for names that are known to be in the table. */
  static Setting require(String name) {
    Setting setting = READ.get(name);
    if (setting == null) {
      throw new IllegalArgumentException("no such setting: " + name);
    }
    return setting;
  }

  static InvalidSettingException unknown(String name) {
    List<String> names = new ArrayList<>(READ.keySet());
    names.addAll(KafkaSettings.BY_NAME.keySet());
    return new InvalidSettingException(
        name,
        "unknown setting "
            + name
            + NearestName.of(name, names)
                .map(nearest -> ": did you mean " + nearest + "?")
                .orElse(": docs/configuration.md lists the settings"));
  }

  private static void ours(
      String name, Setting.Type type, @Nullable String defaultValue, String doc) {
    add(name, type, Long.MIN_VALUE, Long.MAX_VALUE, List.of(), defaultValue, Meaning.OURS, doc);
  }

  private static void bytes(String name, long defaultValue, long min, long max, String doc) {
    number(name, defaultValue, min, max, doc);
  }

  private static void millis(String name, long defaultValue, long min, long max, String doc) {
    number(name, defaultValue, min, max, doc);
  }

  private static void number(String name, long defaultValue, long min, long max, String doc) {
    String text = Long.toString(defaultValue);
    add(name, Setting.Type.LONG, min, max, List.of(), text, Meaning.OURS, doc);
  }

  private static void bool(String name, boolean defaultValue, String doc) {
    bool(name, Meaning.OURS, defaultValue, doc);
  }

  private static void bool(String name, Meaning meaning, boolean defaultValue, String doc) {
    add(name, Setting.Type.BOOLEAN, 0, 0, List.of(), Boolean.toString(defaultValue), meaning, doc);
  }

  private static void choice(
      String name, Setting.Type type, String defaultValue, List<String> choices, String doc) {
    add(name, type, 0, 0, choices, defaultValue, Meaning.USED, doc);
  }

  private static void used(
      String name, Setting.Type type, @Nullable String defaultValue, String doc) {
    add(name, type, 0, 0, List.of(), defaultValue, Meaning.USED, doc);
  }

  private static void used(
      String name,
      Setting.Type type,
      long min,
      long max,
      @Nullable String defaultValue,
      String doc) {
    add(name, type, min, max, List.of(), defaultValue, Meaning.USED, doc);
  }

  private static void add(
      String name,
      Setting.Type type,
      long min,
      long max,
      List<String> choices,
      @Nullable String defaultValue,
      Meaning meaning,
      String doc) {
    READ.put(name, new Setting(name, type, min, max, choices, defaultValue, meaning, doc));
  }
}
