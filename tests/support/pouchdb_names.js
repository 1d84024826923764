// Loaded into pouchdb-server before it starts, to mend what it does otherwise than CouchDB:
// - it strips the slashes from databases' names, so that account/4f/3a/x and account4f3ax are one: a character that no
//   name may have stands for them on the disk;
// - it says "missing" of a deleted document too;
// - it would outlive whoever started it: it ends when its standard input does.
"use strict";

process.stdin.on("end", function () {
  process.exit(0);
});
process.stdin.resume();

var Module = require("module");
var load = Module._load;

function kept(name) {
  return name.replace(/\//g, "~");
}

function told(name) {
  return name.replace(/~/g, "/");
}

Module._load = function (request, parent, isMain) {
  if (/(^|\/)clean-filename$/.test(request)) {
    return kept;
  }
  var found = load(request, parent, isMain);
  if (/\/utils$/.test(request) && found.sendError && !found.tellsDeleted) {
    var send = found.sendError;
    found.tellsDeleted = true;
    found.sendError = function (res, err, status) {
      if (err && err.reason === "deleted") {
        err.message = "deleted";
      }
      return send(res, err, status);
    };
  }
  if (!/routes\/all-dbs$/.test(request)) {
    return found;
  }
  return function (app) {
    app.get("/_all_dbs", function (req, res, next) {
      req.PouchDB.allDbs(function (error, names) {
        return error ? next(error) : res.json(names.map(told).sort());
      });
    });
  };
};
