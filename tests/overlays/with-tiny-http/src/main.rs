//! A server by `tiny_http` with a thousand requests at once, each handled on a thread that has to wait.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use tiny_http::{Request, Response, Server};
use together::{Door, answer_to, ask_all};

fn main() {
    let door = Arc::new(Door::default());
    let server = Server::http("127.0.0.1:0").expect("a port is free");
    let address = server.server_addr().to_ip().expect("it is bound to a port");
    thread::spawn({
        let door = door.clone();
        move || {
            for request in server.incoming_requests() {
                let door = door.clone();
                thread::spawn(move || answer(request, &door));
            }
        }
    });
    ask_all(&door, move |question| {
        let mut connection = TcpStream::connect(address).expect("the server listens");
        let body = question.to_string();
        let head = format!("Connection: close\r\nContent-Length: {}", body.len());
        let request = format!("POST /double HTTP/1.1\r\nHost: here\r\n{head}\r\n\r\n{body}");
        connection
            .write_all(request.as_bytes())
            .expect("the server reads");
        let mut response = String::new();
        connection
            .read_to_string(&mut response)
            .expect("the server answers");
        let (head, body) = response.split_once("\r\n\r\n").expect("it has a head");
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        body.parse().expect("it is a number")
    });
}

fn answer(mut request: Request, door: &Door) {
    let mut question = String::new();
    request
        .as_reader()
        .read_to_string(&mut question)
        .expect("the client asks");
    let question = question.parse().expect("it is a number");
    door.pass();
    let response = Response::from_string(answer_to(question).to_string());
    request.respond(response).expect("the client listens");
}
