package io.spillway.request;

import java.net.InetAddress;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.security.auth.KafkaPrincipal;

/**
 * Who asks, from where, with what.
 *
 * @param principal whom the client is authenticated as
 * @param listener name of the listener it came through
 * @param clientId from the request header; empty when there was none
 * @param clientSoftware KIP-511 name and version, {@code name/version}; empty until known
 * @param address of the client
 * @param connectionId of the connection, for a person
 * @param correlationId of the request
 */
public record RequestContext(
    KafkaPrincipal principal,
    String listener,
    String clientId,
    String clientSoftware,
    InetAddress address,
    String connectionId,
    ApiKeys apiKey,
    short apiVersion,
    int correlationId) {}
