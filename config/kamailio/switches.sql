-- The switches that nodes of Mirliton name; kamailio.cfg makes the dispatcher's sets of them.
CREATE TABLE switches (
    node VARCHAR(128) NOT NULL,
    url VARCHAR(192) NOT NULL,
    setid INTEGER NOT NULL,
    named INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    PRIMARY KEY (node, url)
);
