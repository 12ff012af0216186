/**
 * Kafka's own controller on our shared log: its log, its validators, this broker's registration.
 */
@NullMarked
package io.spillway.kafka.controller;

import org.jspecify.annotations.NullMarked;
