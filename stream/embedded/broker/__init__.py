"""The embedded broker: one node of real Apache Kafka (KRaft) for one machine, the demo and the tests.

::

    jars     the class path, downloaded once for this user and checked against `kafka.lock`
    config   what one small node on 127.0.0.1 is told
    jvm      how Kafka is started on the packaged JRE
    node     format once -> start the JVM -> wait until it answers -> run file -> stop with a deadline
"""
